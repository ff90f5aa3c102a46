// The table reader and the row formatter against slow, obvious twins; run it with sanitizers.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "mdlens/text.hpp"

using mdlens::Fault, mdlens::Kind, mdlens::OutputColumn, mdlens::Rule, mdlens::TableReader;

namespace {

double real(const mdlens::Cells& cells, std::size_t row) { return std::bit_cast<double>(cells[row]); }

// Feeds `text` in pieces of `size` bytes, each copied to memory of its size so that a sanitizer sees any step beyond.
void feed(TableReader& table, const std::string& text, std::size_t size) {
  std::string rest;
  for (std::size_t begin = 0; begin < text.size() && !table.complete() && table.issue().fault == Fault::none; begin += size) {
    rest += text.substr(begin, size);
    const std::vector<char> exact(rest.begin(), rest.end());
    const std::size_t used = table.feed({exact.data(), exact.size()}, begin + size >= text.size());
    CHECK(used <= exact.size());
    rest.erase(0, used);
  }
}

Fault fault_of(const std::string& text, const std::vector<Rule>& rules, std::int64_t rows) {
  Fault first = Fault::none;
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, text.size() + 1}) {
    TableReader table(rules, rows);
    feed(table, text, size);
    if (size == 1) first = table.issue().fault;
    CHECK(table.issue().fault == first);
    CHECK(table.complete() == (first == Fault::none && table.rows() == rows));
  }
  return first;
}

void test_random_tables() {
  std::mt19937_64 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t rows = random() % 40;
    std::vector<double> reals(rows);
    std::vector<std::int64_t> integers(rows);
    std::vector<std::string> words(rows);
    std::ostringstream text;
    text.precision(17);
    for (std::size_t r = 0; r < rows; ++r) {
      do {
        reals[r] = std::bit_cast<double>(random());
      } while (!std::isfinite(reals[r]));
      integers[r] = static_cast<std::int64_t>(random());
      words[r] = std::string(1 + random() % 5, static_cast<char>('a' + random() % 3));
      text << std::string(random() % 3, ' ') << reals[r] << '\t' << words[r] << "  " << integers[r];
      text << (trial % 2 ? " \r\n" : "\n");
    }
    std::string table_text = text.str();
    if (trial % 3 == 0 && !table_text.empty()) table_text.pop_back();
    const Rule word_rule = trial % 5 ? Rule::text : Rule::any;
    TableReader table({Rule::coordinate, word_rule, Rule::integer}, static_cast<std::int64_t>(rows));
    feed(table, table_text, 1 + random() % 50);
    CHECK(table.complete());
    const mdlens::Cells x = table.release(0), w = table.release(1), n = table.release(2);
    for (std::size_t r = 0; r < rows; ++r) {
      CHECK(real(x, r) == reals[r]);
      CHECK(table.words(1)[static_cast<std::size_t>(w[r])] == words[r]);
      CHECK(n[r] == integers[r]);
    }
  }
}

void test_faults() {
  const std::vector<Rule> rules = {Rule::integer, Rule::coordinate};
  CHECK(fault_of("1 2.5\n", rules, 1) == Fault::none);
  CHECK(fault_of("1 2.5", rules, 1) == Fault::none);
  CHECK(fault_of("", rules, 0) == Fault::none);
  CHECK(fault_of("1 2.5\n", rules, 2) == Fault::none);
  CHECK(fault_of("1\n", rules, 1) == Fault::too_few);
  CHECK(fault_of("\n", rules, 1) == Fault::too_few);
  CHECK(fault_of("1 2 3\n", rules, 1) == Fault::too_many);
  CHECK(fault_of("1 x\n", rules, 1) == Fault::not_number);
  CHECK(fault_of("1 2.5x\n", rules, 1) == Fault::not_number);
  CHECK(fault_of("1 +-2\n", rules, 1) == Fault::not_number);
  CHECK(fault_of("1 +\n", rules, 1) == Fault::not_number);
  CHECK(fault_of("1 nan\n", rules, 1) == Fault::not_finite);
  CHECK(fault_of("1 -inf\n", rules, 1) == Fault::not_finite);
  CHECK(fault_of("1 1e999\n", rules, 1) == Fault::not_finite);
  CHECK(fault_of("1 1e-999\n", rules, 1) == Fault::none);
  CHECK(fault_of("1.0 1\n", rules, 1) == Fault::not_integer);
  CHECK(fault_of("9223372036854775808 1\n", rules, 1) == Fault::not_integer);
  CHECK(fault_of("ITEM: TIMESTEP\n", rules, 1) == Fault::next_item);
  CHECK(fault_of("1 2 \n1 2", rules, 2) == Fault::cut);
  CHECK(fault_of("1 2 \n1 2 ", rules, 2) == Fault::none);
  CHECK(fault_of("1 2\r\n1 2", rules, 2) == Fault::none);
  CHECK(fault_of("1 a\n2 3\n", {Rule::integer, Rule::any}, 2) == Fault::none);
  CHECK(fault_of("1 3\n2 a\n", {Rule::integer, Rule::any}, 2) == Fault::changed_kind);
  CHECK(fault_of(std::string("1 a\0b\n", 6), {Rule::integer, Rule::text}, 1) == Fault::not_word);
  CHECK(fault_of("1 " + std::string(65, 'a') + "\n", {Rule::integer, Rule::text}, 1) == Fault::not_word);
}

void test_an_integer_column_turns_real() {
  TableReader table({Rule::any}, 3);
  feed(table, "9007199254740993\n-2\n2.5\n", 100);
  CHECK(table.complete() && table.kind(0) == Kind::real);
  const mdlens::Cells cells = table.release(0);
  CHECK(real(cells, 0) == 9007199254740992.0 && real(cells, 1) == -2.0 && real(cells, 2) == 2.5);
}

void test_plain_decimals_are_those_of_strtod() {
  std::mt19937_64 random(5);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string word = random() % 3 ? "" : "-";
    for (std::size_t digits = random() % 18; digits-- > 0;) word += static_cast<char>('0' + random() % 10);
    if (random() % 4) word.insert(word.size() - random() % (word.size() + 1), ".");
    if (word.empty() || word == "-" || word == "." || word.starts_with(".-") || word == "-.") continue;
    TableReader table({Rule::coordinate}, 1);
    feed(table, word, 100);
    CHECK(table.complete());
    CHECK(real(table.release(0), 0) == std::strtod(word.c_str(), nullptr));
  }
}

void test_mutated_tables_stay_in_bounds() {
  std::mt19937_64 random(11);
  const std::string base = "1 Cu 0.5 1.25\n2 Zr -3e4 nan\n3 Cu 7 +2 \n4 Cu 1 1";
  for (int trial = 0; trial < 20000; ++trial) {
    std::string text = base;
    for (std::size_t change = random() % 4; change-- > 0;) text[random() % text.size()] = static_cast<char>(random());
    if (random() % 4 == 0) text.resize(random() % text.size());
    TableReader table({Rule::integer, Rule::text, Rule::any, Rule::real}, static_cast<std::int64_t>(random() % 6));
    feed(table, text, 1 + random() % 60);
    CHECK(table.rows() <= 5);
  }
}

void test_a_huge_count_costs_nothing() {
  TableReader table({Rule::integer, Rule::coordinate}, std::numeric_limits<std::int64_t>::max());
  feed(table, "1 2\n3 4\n", 3);
  CHECK(table.rows() == 2 && !table.complete());
}

void test_skipping_lines() {
  const std::string text = "a\n\nbc\nd";
  for (std::int64_t lines = 0; lines < 6; ++lines) {
    const auto whole = mdlens::skip_lines(text, lines, true);
    CHECK(whole.lines == std::min<std::int64_t>(lines, 4));
    CHECK(mdlens::skip_lines(text, lines, false).lines == std::min<std::int64_t>(lines, 3));
  }
  CHECK(mdlens::skip_lines(text, 2, false).bytes == 3 && mdlens::skip_lines("", 9, true).lines == 0);
}

void test_formatting() {
  const std::vector<double> reals = {0.1, -0.0, 1e300};
  const std::vector<float> singles = {0.1f, 2.5f, 1e-30f};
  const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(), 0, 7};
  const std::vector<char32_t> words = {'f', 'c', 'c', 0, 0, 'a', ' ', 'b', 0xe9, 0x1f600, 0, 0, 0, 0, 0};
  std::vector<OutputColumn> columns(5);
  columns[0].data = reals.data();
  columns[1] = {OutputColumn::Type::single, singles.data(), 1, -1};
  columns[2] = {OutputColumn::Type::integer, integers.data(), 1, -1};
  columns[3] = {OutputColumn::Type::ucs4, words.data(), 5, -1};
  columns[4] = {OutputColumn::Type::real, reals.data(), 1, 2};
  const std::string text = mdlens::format_rows(columns, 2);
  CHECK(text == "0.1 0.1 -9223372036854775808 fcc 0.10\n-0 2.5 0 a_b\u00e9\U0001F600 -0.00\n");
  CHECK(mdlens::format_rows(columns, 3).find("\n1e+300 1e-30 7 _ 1") != std::string::npos);
  CHECK(mdlens::format_rows({}, 2) == "\n\n" && mdlens::format_rows(columns, 0).empty());
}

void test_coded_words() {
  const std::vector<std::int32_t> codes = {1, 0, 1}, numbers = {-7, 0, 2147483647};
  const std::vector<char32_t> words = {'f', 'c', 'c', 'a', ' ', 0};
  std::vector<OutputColumn> columns(2);
  columns[0] = {OutputColumn::Type::coded, codes.data(), 3, -1, words.data(), 2};
  columns[1] = {OutputColumn::Type::narrow, numbers.data(), 1, -1};
  CHECK(mdlens::format_rows(columns, 3) == "a_ -7\nfcc 0\na_ 2147483647\n");
}

template <typename Real, typename... Format>
std::string converted(Real value, Format... format) {
  std::array<char, 500> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, format...).ptr};
}

// What std::to_chars writes is the twin: of short decimals, of their neighbours, of powers of ten, and of ties between two decimals.
void test_numbers_are_those_of_to_chars() {
  std::mt19937_64 random(17);
  std::vector<double> reals = {0.0, -0.0, 1e-3, 9.999999999999999e-4, 1e5, 99999.99999999999, 0.1 + 0.2, std::nan("")};
  std::vector<float> singles = {0.0f, -0.0f, 0.00005f, 0.99995f, 1e6f, 999999.9f, std::nanf(""), -std::numeric_limits<float>::infinity()};
  for (int trial = 0; trial < 200000; ++trial) {
    const double digits = static_cast<double>(random() % 10'000'000'000'000'000ull >> random() % 54);
    double value = digits / std::pow(10.0, static_cast<double>(random() % 20)) * (random() % 2 ? 1.0 : -1.0);
    if (random() % 4 == 0) value = std::nextafter(value, random() % 2 ? 0.0 : 1e9);
    reals.push_back(value);
    singles.push_back(random() % 2 ? static_cast<float>(random() % 65536) / 4096.0f : static_cast<float>(value));
  }
  for (int k = -20; k < 20; ++k) reals.push_back(std::pow(10.0, k));
  OutputColumn column{OutputColumn::Type::real, reals.data(), 1, -1};
  std::istringstream shortest(mdlens::format_rows({column}, reals.size()));
  std::string word;
  for (const double value : reals) {
    shortest >> word;
    CHECK(word == converted(value));
  }
  for (const int decimals : {0, 3, 4, 6, 9}) {
    column = {OutputColumn::Type::single, singles.data(), 1, decimals};
    std::istringstream fixed(mdlens::format_rows({column}, singles.size()));
    for (const float value : singles) {
      fixed >> word;
      CHECK(word == converted(value, std::chars_format::fixed, decimals));
    }
  }
}

void test_shortest_text_reads_back() {
  std::mt19937_64 random(3);
  std::vector<double> values(5000);
  for (double& value : values) {
    do {
      value = std::bit_cast<double>(random());
    } while (!std::isfinite(value));
  }
  OutputColumn column;
  column.data = values.data();
  TableReader table({Rule::coordinate}, static_cast<std::int64_t>(values.size()));
  feed(table, mdlens::format_rows({column}, values.size()), 4096);
  CHECK(table.complete());
  const mdlens::Cells cells = table.release(0);
  CHECK(std::memcmp(values.data(), cells.get(), values.size() * sizeof(double)) == 0);
}

}  // namespace

int main() {
  test_random_tables();
  test_faults();
  test_an_integer_column_turns_real();
  test_plain_decimals_are_those_of_strtod();
  test_mutated_tables_stay_in_bounds();
  test_a_huge_count_costs_nothing();
  test_skipping_lines();
  test_formatting();
  test_coded_words();
  test_numbers_are_those_of_to_chars();
  test_shortest_text_reads_back();
  return 0;
}
