#include "engines/elements/element.h"

#include <algorithm>

namespace farrier::elements {

size_t Element::Room(size_t wanted) {
  for (Element* output : outputs_) wanted = std::min(wanted, output->Room(wanted));
  return wanted;
}

}  // namespace farrier::elements
