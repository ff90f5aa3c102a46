#include <array>
#include <charconv>

#include "mdlens/text.hpp"

namespace mdlens {

namespace {

constexpr std::size_t longest_number = 400;  // a double near 1.8e308 with fixed decimals

template <typename... Arguments>
void append_number(std::string& out, Arguments... arguments) {
  std::array<char, longest_number> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), arguments...);
  out.append(digits.data(), result.ptr);
}

template <typename Real>
void append_real(std::string& out, Real value, int decimals) {
  if (decimals < 0) return append_number(out, value);
  append_number(out, value, std::chars_format::fixed, decimals);
}

void append_utf8(std::string& out, char32_t point) {
  const auto byte = [&out](char32_t value) { out.push_back(static_cast<char>(value)); };
  const bool is_blank_or_control = point <= 0x20 || (point >= 0x7f && point <= 0xa0);
  const bool is_no_character = (point >= 0xd800 && point < 0xe000) || point > 0x10ffff;
  if (is_blank_or_control || is_no_character) return out.push_back('_');
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      byte(0xE0 | (point >> 12));
    } else {
      byte(0xF0 | (point >> 18));
      byte(0x80 | ((point >> 12) & 0x3F));
    }
    byte(0x80 | ((point >> 6) & 0x3F));
  }
  byte(0x80 | (point & 0x3F));
}

void append_word(std::string& out, const char32_t* word, std::size_t width) {
  while (width > 0 && word[width - 1] == 0) --width;
  if (width == 0) return out.push_back('_');
  for (std::size_t i = 0; i < width; ++i) append_utf8(out, word[i]);
}

void append_cell(std::string& out, const OutputColumn& column, std::size_t row) {
  switch (column.type) {
    case OutputColumn::Type::real: return append_real(out, static_cast<const double*>(column.data)[row], column.decimals);
    case OutputColumn::Type::single: return append_real(out, static_cast<const float*>(column.data)[row], column.decimals);
    case OutputColumn::Type::integer: return append_number(out, static_cast<const std::int64_t*>(column.data)[row]);
    case OutputColumn::Type::ucs4: return append_word(out, static_cast<const char32_t*>(column.data) + row * column.width, column.width);
  }
}

}  // namespace

std::string format_rows(const std::vector<OutputColumn>& columns, std::size_t rows) {
  std::string out;
  out.reserve(rows * columns.size() * 16);
  for (std::size_t row = 0; row < rows; ++row) {
    for (const OutputColumn& column : columns) {
      append_cell(out, column, row);
      out.push_back(' ');
    }
    if (columns.empty()) out.push_back('\n');
    else out.back() = '\n';
  }
  return out;
}

}  // namespace mdlens
