#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "gtest/gtest.h"

namespace farrier::sim::testing {

using Frame = std::vector<uint8_t>;

// Capture files for net_pcap, by libpcap.
inline void WriteCapture(const std::filesystem::path& path, const std::vector<Frame>& frames) {
  pcap_t* const dead = pcap_open_dead(DLT_EN10MB, 65535);
  pcap_dumper_t* const file = pcap_dump_open(dead, path.c_str());
  ASSERT_NE(file, nullptr) << pcap_geterr(dead);
  for (const Frame& frame : frames) {
    const auto length = static_cast<bpf_u_int32>(frame.size());
    const pcap_pkthdr header = {.ts = {}, .caplen = length, .len = length};
    pcap_dump(reinterpret_cast<u_char*>(file), &header, frame.data());
  }
  pcap_dump_close(file);
  pcap_close(dead);
}

// To its end, which must be one.
inline std::vector<Frame> ReadCapture(const std::filesystem::path& path) {
  std::vector<Frame> frames;
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* const file = pcap_open_offline(path.c_str(), error);
  if (file == nullptr) {
    ADD_FAILURE() << error;
    return frames;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  int more;
  while ((more = pcap_next_ex(file, &header, &bytes)) == 1) {
    frames.emplace_back(bytes, bytes + header->caplen);
  }
  EXPECT_EQ(more, PCAP_ERROR_BREAK) << pcap_geterr(file);
  pcap_close(file);
  return frames;
}

}  // namespace farrier::sim::testing
