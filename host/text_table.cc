#include "host/text_table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace farrier::host {
namespace {

bool IsNumber(const std::string& cell) {
  return cell == "-" || (!cell.empty() && absl::ascii_isdigit(cell[0]));
}

}  // namespace

std::string Table(const std::vector<Row>& rows) {
  std::vector<int> widths(rows[0].size());  // negative: aligned to the left
  for (size_t i = 0; i < widths.size(); ++i) {
    for (const Row& row : rows) widths[i] = std::max(widths[i], static_cast<int>(row[i].size()));
    const bool numbers =
        std::all_of(rows.begin() + 1, rows.end(), [&](const Row& row) { return IsNumber(row[i]); });
    if (!numbers) widths[i] = -widths[i];
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppendFormat(&line, "%s%*s", i == 0 ? "  " : "   ", widths[i], row[i]);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&out, line, "\n");
  }
  return out;
}

}  // namespace farrier::host
