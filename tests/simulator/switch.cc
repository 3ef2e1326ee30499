#include "tests/simulator/switch.h"

#include <algorithm>
#include <utility>

namespace farrier::sim {

class Switch::Port final : public FrameSink {
 public:
  explicit Port(Switch* owner) : owner_(owner) {}
  void Receive(Frame frame) override { owner_->Forward(this, std::move(frame)); }
  void Send(Frame frame) {
    if (to_host_ != nullptr) to_host_->Receive(std::move(frame));
  }
  void set_to_host(FrameSink* to_host) { to_host_ = to_host; }

 private:
  Switch* owner_;
  FrameSink* to_host_ = nullptr;
};

Switch::Switch() = default;
Switch::~Switch() = default;

FrameSink* Switch::AddPort() { return ports_.emplace_back(std::make_unique<Port>(this)).get(); }

void Switch::Connect(FrameSink* port, FrameSink* to_host) {
  static_cast<Port*>(port)->set_to_host(to_host);
}

void Switch::AddStatic(const Mac& address, FrameSink* port) {
  table_[address] = {static_cast<Port*>(port), true};
}

void Switch::Forward(Port* from, Frame frame) {
  if (frame.size() < 14) {
    ++malformed_;
    return;
  }
  Mac destination, source;
  std::copy_n(frame.begin(), 6, destination.begin());
  std::copy_n(frame.begin() + 6, 6, source.begin());
  const bool group = (source[0] & 1) != 0;
  if (!group) {
    Place& place = table_.try_emplace(source, Place{from, false}).first->second;
    if (!place.fixed) place.port = from;
  }
  const auto found = table_.find(destination);
  if (found != table_.end()) {
    ++forwarded_;
    if (found->second.port != from) found->second.port->Send(std::move(frame));
    return;
  }
  ++flooded_;
  for (auto& port : ports_) {
    if (port.get() != from) port->Send(frame);
  }
}

}  // namespace farrier::sim
