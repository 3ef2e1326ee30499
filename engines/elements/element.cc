#include "engines/elements/element.h"

#include <algorithm>

namespace farrier::elements {

void NewHeaders(Frame& frame) {
  frame.headers.flags = 0;
  runtime::RxMetadata& rx = frame.packet->rx;
  rx.l3_offset = 0;
  rx.l4_offset = 0;
  rx.l3_checksum = runtime::Checksum::kUnchecked;
  rx.l4_checksum = runtime::Checksum::kUnchecked;
  rx.fragment = false;
  rx.tunnel = false;
  rx.bad_header = false;
  rx.pony = false;
}

size_t Element::Room(size_t wanted) {
  for (Element* output : outputs_) wanted = std::min(wanted, output->Room(wanted));
  return wanted;
}

}  // namespace farrier::elements
