#include "hw/sim/pcapng_writer.h"

#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace farrier::sim {
namespace {

using ::testing::HasSubstr;

class PcapngWriterTest : public testing::Test {
 protected:
  PcapngWriterTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "farrier_pcapng_XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ / "capture.pcapng";
  }
  ~PcapngWriterTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<PcapngWriter> Open() {
    auto writer = PcapngWriter::Create(path_, {"wire", "function0"});
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }

  struct Packet {
    int64_t time_ns;
    std::vector<uint8_t> frame;
    bool operator==(const Packet&) const = default;
  };

  // As libpcap reads the file, to its end.
  std::vector<Packet> Read() {
    std::vector<Packet> packets;
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* const file =
        pcap_open_offline_with_tstamp_precision(path_.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
    if (file == nullptr) {
      ADD_FAILURE() << error;
      return packets;
    }
    EXPECT_EQ(pcap_datalink(file), DLT_EN10MB);
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int more;
    while ((more = pcap_next_ex(file, &header, &bytes)) == 1) {
      EXPECT_EQ(header->caplen, header->len);
      packets.push_back({header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec,
                         {bytes, bytes + header->caplen}});
    }
    EXPECT_EQ(more, PCAP_ERROR_BREAK) << pcap_geterr(file);
    pcap_close(file);
    return packets;
  }

  std::filesystem::path directory_;
  std::string path_;
};

TEST_F(PcapngWriterTest, LibpcapReadsBackFramesAndNanoseconds) {
  auto writer = Open();
  std::vector<Packet> want;
  for (size_t length = 0; length < 70; ++length) {
    want.push_back({123'456'789'012'345 + static_cast<int64_t>(length),
                    std::vector<uint8_t>(length, static_cast<uint8_t>(length))});
    writer->Write({.interface = static_cast<uint32_t>(length % 2),
                   .time_ns = want.back().time_ns,
                   .queue = 3,
                   .comment = std::string_view("owner 17 and more").substr(0, length % 18),
                   .frame = want.back().frame});
  }
  writer->Flush();
  EXPECT_EQ(Read(), want);
  EXPECT_EQ(writer->counters().packets, want.size());
  EXPECT_EQ(writer->counters().lost, 0u);
}

TEST_F(PcapngWriterTest, WhatIsBufferedIsWrittenAtTheEnd) {
  const std::vector<uint8_t> frame(60);
  Open()->Write({.frame = frame});
  EXPECT_EQ(Read().size(), 1u);
}

TEST_F(PcapngWriterTest, NobodyElseMayReadIt) {
  Open();
  struct stat about;
  ASSERT_EQ(stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
}

TEST_F(PcapngWriterTest, AFullDiskIsCountedAndTheFileStaysWhole) {
  signal(SIGXFSZ, SIG_IGN);
  auto writer = Open();
  const std::vector<uint8_t> frame(1000);
  for (int i = 0; i < 10; ++i) writer->Write({.time_ns = i, .frame = frame});
  writer->Flush();
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full = {.rlim_cur = 15'000, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &full);
  for (int i = 0; i < 20; ++i) writer->Write({.time_ns = i, .frame = frame});
  writer->Flush();  // a part of it fits
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(Read().size(), 10u);
  EXPECT_EQ(writer->counters().lost, 20u);
  writer->Write({.time_ns = 99, .frame = frame});
  writer->Flush();
  EXPECT_EQ(Read().back().time_ns, 99);
  EXPECT_EQ(writer->counters().packets, 11u);
}

TEST_F(PcapngWriterTest, WhatIsNoFileIsRefusedByName) {
  for (const char* path : {"/no/where", "/dev/null", "/tmp"}) {
    const auto writer = PcapngWriter::Create(path, {});
    ASSERT_FALSE(writer.ok());
    EXPECT_THAT(std::string(writer.status().message()), HasSubstr(path));
  }
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);  // nobody reads: it must not wait
  EXPECT_FALSE(PcapngWriter::Create(path_, {}).ok());
}

}  // namespace
}  // namespace farrier::sim
