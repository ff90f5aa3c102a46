#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>

#include "mdlens/text.hpp"

namespace mdlens {

namespace {

constexpr std::size_t longest_word = 64;
constexpr std::size_t shown_token = 40;
constexpr std::int64_t first_capacity = 4096;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

const char* find_newline(const char* begin, const char* end) {
  return static_cast<const char*>(std::memchr(begin, '\n', static_cast<std::size_t>(end - begin)));
}

const char* without_carriage_return(const char* begin, const char* end) {
  return end > begin && end[-1] == '\r' ? end - 1 : end;
}

std::optional<std::int64_t> to_integer(const char* begin, const char* end) {
  if (end - begin > 1 && *begin == '+' && begin[1] != '-') ++begin;
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// Plain decimals of at most 15 digits, as nearly all numbers of a dump are: the digits as an integer and the power of
// ten are both exact, so one division rounds correctly (Clinger, "How to read floating point numbers accurately",
// 1990). Returns the end of the word, or nullptr for anything else.
const char* read_short_decimal(const char* begin, const char* end, double& value, bool& is_integer) {
  constexpr std::array<double, 16> powers = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                             1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const bool negative = *begin == '-';
  const char* position = begin + (negative ? 1 : 0);
  const char* const first = position;
  std::int64_t digits = 0;
  const auto take_digits = [&position, &digits, stop = std::min(end, position + 17)] {
    for (; position < stop; ++position) {
      const unsigned digit = static_cast<unsigned>(*position) - '0';
      if (digit > 9) break;
      digits = digits * 10 + static_cast<std::int64_t>(digit);
    }
  };
  take_digits();
  std::ptrdiff_t count = position - first, decimals = 0;
  is_integer = position == end || *position != '.';
  if (!is_integer) {
    const char* const fraction = ++position;
    take_digits();
    decimals = position - fraction;
    count += decimals;
  }
  if (count == 0 || count > 15 || (position < end && !is_blank(*position))) return nullptr;
  const auto magnitude = static_cast<double>(digits) / powers[static_cast<std::size_t>(decimals)];
  value = negative ? -magnitude : magnitude;
  return position;
}

std::optional<double> to_real(const char* begin, const char* end) {
  if (end - begin > 1 && *begin == '+' && begin[1] != '-') ++begin;
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range)  // 0 or infinity
    return std::strtod(std::string(begin, end).c_str(), nullptr);
  return value;
}

bool is_word(std::string_view word) {
  return word.size() <= longest_word &&
         std::all_of(word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

}  // namespace

TableReader::TableReader(const std::vector<Rule>& rules, std::int64_t rows)
    : columns_(rules.size()), expected_(std::max<std::int64_t>(rows, 0)) {
  for (std::size_t c = 0; c < rules.size(); ++c) {
    Column& column = columns_[c];
    column.rule = rules[c];
    column.decided = column.rule != Rule::any;
    column.kind = column.rule == Rule::integer ? Kind::integer : column.rule == Rule::text ? Kind::text : Kind::real;
  }
}

void TableReader::grow() {
  const std::int64_t wanted = std::min(expected_, std::max(first_capacity, 2 * capacity_));
  for (Column& column : columns_) {
    void* memory = std::realloc(column.cells.get(), static_cast<std::size_t>(wanted) * sizeof(std::int64_t));
    if (memory == nullptr) throw std::bad_alloc();
    static_cast<void>(column.cells.release());
    column.cells.reset(static_cast<std::int64_t*>(memory));
  }
  capacity_ = wanted;
}

std::size_t TableReader::feed(std::string_view bytes, bool last) {
  const char* position = bytes.data();
  const char* const end = position + bytes.size();
  while (row_ < expected_ && issue_.fault == Fault::none && position < end) {
    const char* newline = find_newline(position, end);
    if (newline == nullptr && !last) break;
    const char* line_end = without_carriage_return(position, newline == nullptr ? end : newline);
    const bool blank_at_end = line_end > position && is_blank(line_end[-1]);
    if (newline == nullptr && blank_at_end_ && !blank_at_end) {
      fail(Fault::cut, 0, std::string_view(position, static_cast<std::size_t>(line_end - position)));
      break;
    }
    if (row_ == capacity_) grow();
    if (!parse_line(position, line_end)) break;
    blank_at_end_ = blank_at_end;
    ++row_;
    position = newline == nullptr ? end : newline + 1;
  }
  return static_cast<std::size_t>(position - bytes.data());
}

bool TableReader::parse_line(const char* begin, const char* end) {
  constexpr std::string_view item = "ITEM:";
  const char* position = begin;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    while (position < end && is_blank(*position)) ++position;
    const char* const token = position;
    if (const char* after = store_plainly(columns_[c], position, end)) {
      position = after;
      continue;
    }
    while (position < end && !is_blank(*position)) ++position;
    const std::string_view word(token, static_cast<std::size_t>(position - token));
    if (c == 0 && word == item) return fail(Fault::next_item, c, word);
    if (word.empty()) return fail(Fault::too_few, c, {});
    const Fault fault = store(columns_[c], token, position);
    if (fault != Fault::none) return fail(fault, c, word);
  }
  std::size_t words = columns_.size();
  for (bool inside = false; position < end; ++position) {
    const bool blank = is_blank(*position);
    if (!blank && !inside) ++words;
    inside = !blank;
  }
  return words == columns_.size() || fail(Fault::too_many, words, {});
}

// The quick way for plain numbers where they are expected; returns nullptr, and stores nothing, for anything else.
const char* TableReader::store_plainly(Column& column, const char* begin, const char* end) {
  if (!column.decided || column.kind == Kind::text || begin == end) return nullptr;
  double value = 0;
  bool is_integer = false;
  const char* after = read_short_decimal(begin, end, value, is_integer);
  if (after == nullptr || (column.kind == Kind::integer && !is_integer)) return nullptr;
  column.cells[static_cast<std::size_t>(row_)] =
      column.kind == Kind::integer ? static_cast<std::int64_t>(value) : std::bit_cast<std::int64_t>(value);
  return after;
}

Fault TableReader::store(Column& column, const char* begin, const char* end) {
  if (column.kind == Kind::text) return store_word(column, {begin, static_cast<std::size_t>(end - begin)});
  if (column.rule == Rule::coordinate || column.rule == Rule::real) {
    const std::optional<double> value = to_real(begin, end);
    if (!value) return Fault::not_number;
    if (column.rule == Rule::coordinate && !std::isfinite(*value)) return Fault::not_finite;
    column.cells[static_cast<std::size_t>(row_)] = std::bit_cast<std::int64_t>(*value);
    return Fault::none;
  }
  return store_number(column, begin, end);
}

// Integer columns, and those whose first row decides what they hold. An undecided one that began with integers turns real when it must.
Fault TableReader::store_number(Column& column, const char* begin, const char* end) {
  if (!column.decided || column.kind == Kind::integer) {
    if (const auto value = to_integer(begin, end)) {
      column.kind = Kind::integer;
      column.decided = true;
      column.cells[static_cast<std::size_t>(row_)] = *value;
      return Fault::none;
    }
    if (column.rule == Rule::integer) return Fault::not_integer;
  }
  const std::optional<double> value = to_real(begin, end);
  if (!value) {
    if (column.decided) return Fault::changed_kind;
    column.kind = Kind::text;
    column.decided = true;
    return store_word(column, {begin, static_cast<std::size_t>(end - begin)});
  }
  if (column.kind == Kind::integer)
    for (std::int64_t r = 0; r < row_; ++r) {
      std::int64_t& cell = column.cells[static_cast<std::size_t>(r)];
      cell = std::bit_cast<std::int64_t>(static_cast<double>(cell));
    }
  column.kind = Kind::real;
  column.decided = true;
  column.cells[static_cast<std::size_t>(row_)] = std::bit_cast<std::int64_t>(*value);
  return Fault::none;
}

Fault TableReader::store_word(Column& column, std::string_view word) {
  std::int64_t& cell = column.cells[static_cast<std::size_t>(row_)];
  if (row_ > 0) {
    const std::int64_t previous = column.cells[static_cast<std::size_t>(row_ - 1)];
    if (column.words[static_cast<std::size_t>(previous)] == word) {
      cell = previous;
      return Fault::none;
    }
  }
  if (!is_word(word)) return Fault::not_word;
  const auto next = static_cast<std::int64_t>(column.words.size());
  const auto [entry, is_new] = column.index.try_emplace(std::string(word), next);
  if (is_new) column.words.emplace_back(word);
  cell = entry->second;
  return Fault::none;
}

bool TableReader::fail(Fault fault, std::size_t column, std::string_view token) {
  issue_ = {fault, row_, static_cast<int>(column), std::string(token.substr(0, shown_token))};
  return false;
}

Skipped skip_lines(std::string_view bytes, std::int64_t lines, bool last) {
  const char* position = bytes.data();
  const char* const end = position + bytes.size();
  std::int64_t seen = 0;
  while (seen < lines && position < end) {
    const char* newline = find_newline(position, end);
    if (newline == nullptr && !last) break;
    position = newline == nullptr ? end : newline + 1;
    ++seen;
  }
  return {static_cast<std::size_t>(position - bytes.data()), seen};
}

}  // namespace mdlens
