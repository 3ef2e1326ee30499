#pragma once

#include <string>
#include <vector>

namespace farrier::host {

using Row = std::vector<std::string>;

// Rows of columns for people, indented, each column as wide as it needs; the first row is the
// heading. A column of numbers is aligned to the right, "-" standing for none.
std::string Table(const std::vector<Row>& rows);

}  // namespace farrier::host
