#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "mdlens/text.hpp"

namespace mdlens {

namespace {

constexpr std::size_t longest_number = 400;  // a double near 1.8e308 with fixed decimals
constexpr std::size_t most_bytes = 4;        // of a character

constexpr std::array<std::int64_t, 18> powers = [] {
  std::array<std::int64_t, 18> all{1};
  for (std::size_t k = 1; k < all.size(); ++k) all[k] = 10 * all[k - 1];
  return all;
}();
constexpr std::array<char, 200> digit_pairs = [] {
  std::array<char, 200> all{};
  for (std::size_t k = 0; k < 100; ++k) {
    all[2 * k] = static_cast<char>('0' + k / 10);
    all[2 * k + 1] = static_cast<char>('0' + k % 10);
  }
  return all;
}();

template <typename... Arguments>
char* put_number(char* out, Arguments... arguments) {
  return std::to_chars(out, out + longest_number, arguments...).ptr;
}

// Exactly `count` digits, zeros before a smaller value.
char* put_digits(char* out, std::int64_t value, std::size_t count) {
  char* position = out + count;
  for (; position - out >= 2; value /= 100) {
    position -= 2;
    std::memcpy(position, &digit_pairs[2 * static_cast<std::size_t>(value % 100)], 2);
  }
  if (position > out) *out = static_cast<char>('0' + value % 10);
  return out + count;
}

// scaled / 10^decimals with all its decimals.
char* put_decimal(char* out, bool negative, std::int64_t scaled, std::size_t decimals) {
  if (negative) *out++ = '-';
  out = put_number(out, scaled / powers[decimals]);
  if (decimals == 0) return out;
  *out++ = '.';
  return put_digits(out, scaled % powers[decimals], decimals);
}

// The shortest text where it has at most 15 digits, as nearly all numbers of a dump have; nullptr, and nothing written, for others.
//
// Scaled to 15 digits before the point such a number is less than 1/4 off the integer with its digits, for both the number and the product are
// rounded by at most 2^-53. No other 15 digits read back to the same double: where that integer over the power of ten, both exact, gives the
// number again, its digits are the shortest. From 1e-3 to 1e5 plain notation is never longer than one with an exponent, so std::to_chars writes it too.
char* put_short_decimal(char* out, double value) {
  const double magnitude = std::abs(value);
  if (!(magnitude >= 1e-3 && magnitude < 1e5)) return nullptr;
  std::size_t decimals = 17;
  for (const double bound : {1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4}) decimals -= magnitude >= bound;
  const auto power = static_cast<double>(powers[decimals]);
  auto scaled = static_cast<std::int64_t>(magnitude * power + 0.5);
  if (static_cast<double>(scaled) / power != magnitude) return nullptr;
  for (const std::size_t step : {std::size_t{8}, std::size_t{4}, std::size_t{2}, std::size_t{1}, std::size_t{1}})
    if (decimals >= step && scaled % powers[step] == 0) {
      scaled /= powers[step];
      decimals -= step;
    }
  return put_decimal(out, std::signbit(value), scaled, decimals);
}

char* put_real(char* out, double value, int decimals) {
  if (decimals >= 0) return put_number(out, value, std::chars_format::fixed, decimals);
  if (char* end = put_short_decimal(out, value)) return end;
  return put_number(out, value);
}

// A single times a small power of ten is exact in double precision, and so is the choice of the nearest integer, ties to even.
char* put_real(char* out, float value, int decimals) {
  if (decimals < 0) return put_number(out, value);
  if (decimals > 6 || !(std::abs(value) < 1e6f)) return put_number(out, value, std::chars_format::fixed, decimals);
  const auto places = static_cast<std::size_t>(decimals);
  const double scaled = std::nearbyint(std::abs(static_cast<double>(value)) * static_cast<double>(powers[places]));
  return put_decimal(out, std::signbit(value), static_cast<std::int64_t>(scaled), places);
}

char* put_utf8(char* out, char32_t point) {
  const auto byte = [&out](char32_t value) { *out++ = static_cast<char>(value); };
  const bool is_blank_or_control = point <= 0x20 || (point >= 0x7f && point <= 0xa0);
  const bool is_no_character = (point >= 0xd800 && point < 0xe000) || point > 0x10ffff;
  if (is_blank_or_control || is_no_character) {
    byte('_');
  } else if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | (point >> 6));
    byte(0x80 | (point & 0x3F));
  } else {
    if (point < 0x10000) {
      byte(0xE0 | (point >> 12));
    } else {
      byte(0xF0 | (point >> 18));
      byte(0x80 | ((point >> 12) & 0x3F));
    }
    byte(0x80 | ((point >> 6) & 0x3F));
    byte(0x80 | (point & 0x3F));
  }
  return out;
}

char* put_word(char* out, const char32_t* word, std::size_t width) {
  while (width > 0 && word[width - 1] == 0) --width;
  if (width == 0) *out++ = '_';
  for (std::size_t i = 0; i < width; ++i) out = put_utf8(out, word[i]);
  return out;
}

// A column with the words it may hold as text.
struct Source {
  OutputColumn column;
  std::vector<std::string> words;

  explicit Source(const OutputColumn& output) : column(output) {
    const auto* table = static_cast<const char32_t*>(output.words);
    for (std::size_t w = 0; w < output.word_count; ++w) {
      std::string word(longest(), ' ');
      word.resize(static_cast<std::size_t>(put_word(word.data(), table + w * output.width, output.width) - word.data()));
      words.push_back(std::move(word));
    }
  }

  std::size_t longest() const { return std::max(longest_number, most_bytes * column.width); }

  char* put(char* out, std::size_t row) const {
    switch (column.type) {
      case OutputColumn::Type::real: return put_real(out, static_cast<const double*>(column.data)[row], column.decimals);
      case OutputColumn::Type::single: return put_real(out, static_cast<const float*>(column.data)[row], column.decimals);
      case OutputColumn::Type::integer: return put_number(out, static_cast<const std::int64_t*>(column.data)[row]);
      case OutputColumn::Type::narrow: return put_number(out, static_cast<const std::int32_t*>(column.data)[row]);
      case OutputColumn::Type::ucs4: return put_word(out, static_cast<const char32_t*>(column.data) + row * column.width, column.width);
      case OutputColumn::Type::coded: break;
    }
    const std::string& word = words.at(static_cast<std::size_t>(static_cast<const std::int32_t*>(column.data)[row]));
    return std::copy(word.begin(), word.end(), out);
  }
};

}  // namespace

std::string format_rows(const std::vector<OutputColumn>& columns, std::size_t rows) {
  const std::vector<Source> sources(columns.begin(), columns.end());
  std::size_t longest_row = 1;
  for (const Source& source : sources) longest_row += source.longest() + 1;
  std::string text(rows * columns.size() * 12 + longest_row, '\0');
  std::size_t used = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (text.size() - used < longest_row) text.resize(text.size() + text.size() / 2 + longest_row);
    char* out = text.data() + used;
    for (const Source& source : sources) {
      out = source.put(out, row);
      *out++ = ' ';
    }
    if (sources.empty()) ++out;
    out[-1] = '\n';
    used = static_cast<std::size_t>(out - text.data());
  }
  text.resize(used);
  return text;
}

}  // namespace mdlens
