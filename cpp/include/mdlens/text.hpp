// Tables of numbers and words as text: parsed from and formatted to byte buffers, a piece at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mdlens {

enum class Rule { coordinate, real, integer, text, any };  // what a column must hold; a coordinate is a finite real
enum class Kind { real, integer, text };                   // what it turned out to hold

enum class Fault { none, too_few, too_many, not_number, not_finite, not_integer, not_word, changed_kind, next_item, cut };

struct Issue {
  Fault fault = Fault::none;
  std::int64_t row = 0;
  int column = 0;     // of the offending word; for too_few and too_many the number of words found
  std::string token;  // at most 40 bytes of it
};

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};
using Cells = std::unique_ptr<std::int64_t[], FreeDeleter>;  // 8 bytes per row: an int64, the bits of a double, or an index into words

// Reads the rows of a table whose columns are separated by blanks. Memory follows the rows seen, never the number announced.
class TableReader {
 public:
  TableReader(const std::vector<Rule>& rules, std::int64_t rows);
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;

  // Takes whole lines from `bytes` until the table is complete or faulty; returns how many bytes it used. `last`: nothing follows `bytes`.
  std::size_t feed(std::string_view bytes, bool last);

  bool complete() const { return row_ == expected_ && issue_.fault == Fault::none; }
  std::int64_t rows() const { return row_; }
  const Issue& issue() const { return issue_; }

  std::size_t columns() const { return columns_.size(); }
  Kind kind(std::size_t column) const { return columns_.at(column).kind; }
  const std::vector<std::string>& words(std::size_t column) const { return columns_.at(column).words; }
  Cells release(std::size_t column) { return std::move(columns_.at(column).cells); }

 private:
  struct Column {
    Rule rule = Rule::any;
    Kind kind = Kind::real;
    bool decided = false;
    Cells cells;
    std::vector<std::string> words;
    std::unordered_map<std::string, std::int64_t> index;
  };

  void grow();
  bool parse_line(const char* begin, const char* end);
  const char* store_plainly(Column& column, const char* begin, const char* end);
  Fault store(Column& column, const char* begin, const char* end);
  Fault store_number(Column& column, const char* begin, const char* end);
  Fault store_word(Column& column, std::string_view word);
  bool fail(Fault fault, std::size_t column, std::string_view token);

  std::vector<Column> columns_;
  std::int64_t expected_;
  std::int64_t row_ = 0;
  std::int64_t capacity_ = 0;
  bool blank_at_end_ = false;  // the last line ended with a blank before its newline, as LAMMPS writes it
  Issue issue_;
};

struct Skipped {
  std::size_t bytes;
  std::int64_t lines;
};

// The first `lines` whole lines of `bytes`; `last`: an unfinished line at the end counts as one.
Skipped skip_lines(std::string_view bytes, std::int64_t lines, bool last);

struct OutputColumn {
  enum class Type { real, single, integer, narrow, ucs4, coded } type = Type::real;
  const void* data = nullptr;  // contiguous rows of float64, float32, int64 or int32; ucs4: rows x width code points padded with zeros;
                               // coded: an int32 per row, its place in `words`
  std::size_t width = 1;
  int decimals = -1;            // reals: digits after the point; -1: the shortest text that reads back to the same value
  const void* words = nullptr;  // coded: word_count x width code points padded with zeros
  std::size_t word_count = 0;
};

// `rows` lines of the columns, separated by single spaces. Blanks and unprintable characters
// in a word become '_', an empty word too: columns stay columns.
std::string format_rows(const std::vector<OutputColumn>& columns, std::size_t rows);

}  // namespace mdlens
