#pragma once

#include <cstdint>
#include <memory>
#include <vector>

class Vfarrier_card;
class VerilatedContext;

namespace farrier::bench {

// The Verilated card at its streams, for counting cycles: frames go in back to back, hosts and wire
// always take. The default owner's packets go to function 0, whose credits never end. One thread.
class CardStreams {
 public:
  // `raw`: function 0 has no prefixes.
  explicit CardStreams(bool raw);
  ~CardStreams();

  // When the beats of a packet passed, in cycles from the first beat that went in.
  struct Passage {
    uint64_t first_in = 0;
    uint64_t first_out = 0;
    uint64_t last_out = 0;
  };

  // Sends frames of these lengths, and gives their passages, in order; fewer than there are lengths
  // if some did not come within 1,000 cycles of the others. From the wire to function 0, ...
  std::vector<Passage> Receive(const std::vector<uint32_t>& lengths);
  // ... from function 1, which is raw, to the wire.
  std::vector<Passage> Send(const std::vector<uint32_t>& lengths);

 private:
  enum class Way { kReceive, kSend };

  std::vector<Passage> Run(Way way, const std::vector<uint32_t>& lengths);
  void Write(uint32_t offset, uint32_t value);
  void Tick();

  std::unique_ptr<VerilatedContext> context_;
  std::unique_ptr<Vfarrier_card> card_;
};

}  // namespace farrier::bench
