// The elements of packet pipelines: what each adds to the cost of a packet, in batches of 16.

#include <time.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/engine_figures.h"
#include "bench/statistics.h"
#include "engines/elements/acl.h"
#include "engines/elements/bytes.h"
#include "engines/elements/classifier.h"
#include "engines/elements/counter.h"
#include "engines/elements/discard.h"

namespace farrier::bench {
namespace {

using elements::Acl;
using elements::Classifier;
using elements::Counter;
using elements::Discard;
using elements::Element;
using elements::Frame;
using elements::Match;

constexpr size_t kBatch = 16;
constexpr size_t kFrames = 256;  // different ones, so that branches are not learnt by heart
constexpr size_t kFrameBytes = 64;
constexpr int kRounds = 2'000;

// Nanoseconds of CPU that this thread has had: others may be on the core, too.
double CpuTime() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// UDP and TCP over IPv4 from and to some hosts and ports; one in eight is marked as voice.
class Packets {
 public:
  Packets() {
    uint32_t random = 1;
    for (size_t i = 0; i < kFrames; ++i) {
      random = random * 1664525 + 1013904223;  // Numerical Recipes, chapter 7.1
      const uint32_t bits = random >> 8;
      uint8_t* frame = bytes_[i].data();
      elements::Store16(frame + 12, elements::kEtherTypeIpv4);
      frame[14] = 0x45;
      frame[15] = (bits & 7) == 0 ? 46 << 2 : 0;
      elements::Store16(frame + 16, kFrameBytes - 14);
      frame[23] = (bits & 8) != 0 ? elements::kProtocolUdp : elements::kProtocolTcp;
      elements::Store32(frame + 26, 0x0A000000 | (bits >> 4 & 0xFF));
      elements::Store32(frame + 30, 0x0A010000 | (bits >> 6 & 0x3FF));
      elements::Store16(frame + 34, 1024 + (bits & 0xFFF));
      elements::Store16(frame + 36, (bits & 16) != 0 ? 443 : bits & 0xFFF);
      elements::Store16(frame + 38, kFrameBytes - 34);
      frame[46] = 0x50;
    }
    for (size_t i = 0; i < kBatch; ++i) frames_[i].packet = &packets_[i];
  }

  // Nanoseconds of CPU time per packet to bring all of them to `first`, as they came from a port.
  double Push(Element& first) {
    std::array<Frame*, kBatch> batch;
    const double begin = CpuTime();
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < kFrames; i += kBatch) {
        for (size_t j = 0; j < kBatch; ++j) {
          uint8_t* data = bytes_[i + j].data();
          packets_[j] = runtime::Packet(data, kFrameBytes, kFrameBytes, data);
          frames_[j].headers.flags = 0;
          batch[j] = &frames_[j];
        }
        first.Push(round, batch);
      }
    }
    return (CpuTime() - begin) / (double{kRounds} * kFrames);
  }

 private:
  std::array<std::array<uint8_t, kFrameBytes>, kFrames> bytes_{};
  // As many as a burst, as a port fills them.
  std::array<runtime::Packet, kBatch> packets_;
  std::array<Frame, kBatch> frames_;
};

elements::Prefix Net(uint8_t a, uint8_t b, uint8_t c, int bits) {
  elements::Prefix prefix;
  prefix.address = {a, b, c};
  prefix.bits = bits;
  return prefix;
}

// Eight rules that look at everything an IPv4 packet has; if more are wanted, in front of them some
// for networks that no packet is from, with ranges of ports as they come.
std::vector<Match> Rules(size_t count) {
  std::vector<Match> rules;
  for (size_t i = 8; i < count; ++i) {
    const auto port = static_cast<uint16_t>(100 * i);
    rules.push_back(
        {.source = Net(10, 2, static_cast<uint8_t>(i), 24),
         .protocol = 6,
         .destination_ports = elements::PortRange{port, static_cast<uint16_t>(port + 9)}});
  }
  const std::array<Match, 8> eight = {
      Match{.dscp = 46},
      Match{.source = Net(10, 0, 0, 26), .protocol = 6},
      Match{.destination = Net(10, 1, 1, 24), .destination_ports = elements::PortRange{22, 22}},
      Match{.protocol = 17, .destination_ports = elements::PortRange{5060, 5061}},
      Match{.source_ports = elements::PortRange{1024, 2047}},
      Match{.destination = Net(10, 1, 2, 23)},
      Match{.protocol = 6, .destination_ports = elements::PortRange{443, 443}},
      Match{.ether_type = 0x0800}};
  rules.insert(rules.end(), eight.begin(), eight.end());
  return rules;
}

// All of the traffic goes to `others`, but for voice, if that has a way of its own.
std::unique_ptr<Element> MakeClassifier(size_t count, Element* others, Element* voice = nullptr) {
  std::vector<Classifier::Rule> rules;
  for (const Match& match : Rules(count)) {
    rules.push_back({match, match.dscp && voice != nullptr ? size_t{1} : 0});
  }
  auto classifier = std::make_unique<Classifier>("classifier", rules, 2);
  classifier->Connect(0, others);
  classifier->Connect(1, voice);
  classifier->Connect(2, others);
  return classifier;
}

std::unique_ptr<Element> MakeAcl(size_t count, Element* next) {
  std::vector<Acl::Rule> rules;
  for (const Match& match : Rules(count)) rules.push_back({match, true});
  auto acl = std::make_unique<Acl>("acl", rules, false);
  acl->Connect(0, next);
  return acl;
}

std::unique_ptr<Element> MakeCounter(Element* next) {
  auto counter = std::make_unique<Counter>("counter");
  counter->Connect(0, next);
  return counter;
}

// What one more element costs: the slope of the cost over chains of 1 to 8 (least squares).
double Slope(Packets& packets, const std::function<std::unique_ptr<Element>(Element*)>& make) {
  Discard end("end");
  std::vector<std::unique_ptr<Element>> chain;
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (int length = 1; length <= 8; ++length) {
    chain.push_back(make(chain.empty() ? &end : chain.back().get()));
    const double cost = packets.Push(*chain.back());
    n += 1;
    x += length;
    y += cost;
    xx += length * length;
    xy += length * cost;
  }
  return (n * xy - x * y) / (n * xx - x * x);
}

// Mean of the four elements of counter -> classifier -> ACL -> counter, reading the headers
// included.
double ChainCost(Packets& packets) {
  Discard end("end");
  Discard voice("voice");
  const auto last = MakeCounter(&end);
  const auto acl = MakeAcl(8, last.get());
  const auto classifier = MakeClassifier(8, acl.get(), &voice);
  const auto first = MakeCounter(classifier.get());
  const double nothing = packets.Push(end);
  return (packets.Push(*first) - nothing) / 4;
}

double ParseCost(Packets& packets) {
  class Parser final : public Element {
   public:
    Parser() : Element("parser", 0) {}
    void Push(runtime::Nanoseconds, elements::Batch batch) override {
      for (Frame* frame : batch) flags_ |= frame->Parsed().flags;
    }
    std::vector<elements::CounterRef> Counters() override { return {}; }

   private:
    uint8_t flags_ = 0;
  } parser;
  Discard end("end");
  return packets.Push(parser) - packets.Push(end);
}

}  // namespace

std::vector<Figure> ElementFigures(int runs) {
  Packets packets;
  const auto classifier_of = [](size_t rules) {
    return [rules](Element* next) { return MakeClassifier(rules, next); };
  };
  const auto acl_of = [](size_t rules) {
    return [rules](Element* next) { return MakeAcl(rules, next); };
  };
  std::vector<double> chain, counter, classifier, acl, classifier_64, acl_64, parse;
  for (int run = 0; run < runs; ++run) {
    chain.push_back(ChainCost(packets));
    counter.push_back(Slope(packets, MakeCounter));
    classifier.push_back(Slope(packets, classifier_of(8)));
    acl.push_back(Slope(packets, acl_of(8)));
    classifier_64.push_back(Slope(packets, classifier_of(64)));
    acl_64.push_back(Slope(packets, acl_of(64)));
    parse.push_back(ParseCost(packets));
  }
  return {{"element_chain_ns_per_packet", Median(chain), "ns", "<= 5"},
          {"element_counter_ns_per_packet", Median(counter), "ns", ""},
          {"element_classifier_ns_per_packet", Median(classifier), "ns", ""},
          {"element_acl_ns_per_packet", Median(acl), "ns", ""},
          {"element_classifier_64_rules_ns_per_packet", Median(classifier_64), "ns", ""},
          {"element_acl_64_rules_ns_per_packet", Median(acl_64), "ns", ""},
          {"element_parse_ns_per_packet", Median(parse), "ns", ""}};
}

}  // namespace farrier::bench
