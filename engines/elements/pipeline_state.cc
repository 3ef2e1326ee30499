#include "engines/elements/pipeline_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engines/elements/state.pb.h"

namespace farrier::elements {
namespace {

constexpr uint32_t kSchema = 1;
constexpr char kElementKind[] = "packet.element";
constexpr char kHeldKind[] = "packet.held";
constexpr uint64_t kMaxNumber = uint64_t{1} << 62;

template <typename Record>
absl::Status Parse(const std::string& bytes, Record& record, std::string& unknown) {
  if (!record.ParseFromString(bytes)) {
    return absl::DataLossError(absl::StrCat(Record::descriptor()->full_name(), " does not parse"));
  }
  Record::GetReflection()->GetUnknownFields(record).SerializeToString(&unknown);
  return absl::OkStatus();
}

absl::Status Contradiction(const std::string& element, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the state of element ", element, " contradicts itself: ", what));
}

void Save(const runtime::Packet& packet, HeldPacketRecord& record) {
  record.set_frame(packet.data(), packet.length());
  const runtime::RxMetadata& rx = packet.rx;
  record.set_arrival(rx.arrival);
  record.set_rss_hash(rx.rss_hash);
  record.set_sequence(rx.sequence);
  record.set_owner(static_cast<uint32_t>(rx.owner));
  record.set_generation(rx.generation);
  record.set_l3_offset(rx.l3_offset);
  record.set_l4_offset(rx.l4_offset);
  record.set_rx_class(rx.pacing_class);
  record.set_l3_checksum(static_cast<uint32_t>(rx.l3_checksum));
  record.set_l4_checksum(static_cast<uint32_t>(rx.l4_checksum));
  record.set_was_held(rx.was_held);
  record.set_fragment(rx.fragment);
  record.set_tunnel(rx.tunnel);
  record.set_bad_header(rx.bad_header);
  record.set_pony(rx.pony);
  const runtime::TxMetadata& tx = packet.tx;
  record.set_departure(tx.departure);
  record.set_tx_class(tx.pacing_class);
  record.set_insert_checksum(tx.insert_checksum);
  record.set_report_departure(tx.report_departure);
}

runtime::Checksum ChecksumOf(uint32_t value) {
  return value <= static_cast<uint32_t>(runtime::Checksum::kBad)
             ? static_cast<runtime::Checksum>(value)
             : runtime::Checksum::kUnchecked;
}

// A view of the record's frame.
runtime::Packet Load(HeldPacketRecord& record) {
  std::string& frame = *record.mutable_frame();
  auto* data = reinterpret_cast<uint8_t*>(frame.data());
  const auto length = static_cast<uint32_t>(frame.size());
  runtime::Packet packet(data, length, length, data);
  packet.rx = {.arrival = record.arrival(),
               .rss_hash = record.rss_hash(),
               .sequence = record.sequence(),
               .owner = static_cast<runtime::OwnerId>(record.owner()),
               .generation = static_cast<uint16_t>(record.generation()),
               .l3_offset = static_cast<uint8_t>(record.l3_offset()),
               .l4_offset = static_cast<uint8_t>(record.l4_offset()),
               .pacing_class = static_cast<uint8_t>(record.rx_class()),
               .l3_checksum = ChecksumOf(record.l3_checksum()),
               .l4_checksum = ChecksumOf(record.l4_checksum()),
               .was_held = record.was_held(),
               .fragment = record.fragment(),
               .tunnel = record.tunnel(),
               .bad_header = record.bad_header(),
               .pony = record.pony()};
  packet.tx = {.departure = record.departure(),
               .pacing_class = static_cast<uint8_t>(record.tx_class()),
               .insert_checksum = record.insert_checksum(),
               .report_departure = record.report_departure()};
  return packet;
}

}  // namespace

PipelineState::PipelineState(Graph& graph) {
  for (const auto& element : graph.elements) {
    Member& member = members_.emplace_back();
    member.element = element.get();
    const auto holding = std::find(graph.holding.begin(), graph.holding.end(), element.get());
    if (holding != graph.holding.end()) member.holding = *holding;
  }
}

void PipelineState::BeginRound() {
  for (Member& member : members_) {
    member.record_due = true;
    member.written.clear();
    if (member.holding != nullptr) {
      member.packets_from = member.holding->store().first();
      member.packets_to = member.holding->store().next();
    }
  }
  at_ = 0;
  round_open_ = true;
}

bool PipelineState::Snapshot(runtime::StateSink& sink, int budget) {
  if (!writing_) {
    BeginRound();
    writing_ = true;
  }
  for (int left = budget; left > 0 && at_ < members_.size();) {
    Member& member = members_[at_];
    if (std::exchange(member.record_due, false)) {
      SaveElement(sink, member, false);
      --left;
    } else if (member.holding != nullptr && SavePacket(sink, member, member.packets_to)) {
      --left;
    } else {
      ++at_;
    }
  }
  writing_ = at_ < members_.size();
  return !writing_;
}

void PipelineState::Delta(runtime::StateSink& sink) {
  // Without a round before it, this is everything.
  if (!round_open_) BeginRound();
  for (Member& member : members_) {
    SaveElement(sink, member, true);
    if (member.holding == nullptr) continue;
    while (SavePacket(sink, member, member.holding->store().next())) continue;
  }
  round_open_ = false;
  writing_ = false;
}

void PipelineState::SaveElement(runtime::StateSink& sink, Member& member, bool delta) {
  ElementRecord record;
  record.set_name(member.element->name());
  for (const CounterRef& counter : member.element->Counters()) {
    (*record.mutable_counters())[counter.name] = *counter.value;
  }
  for (const auto& [name, value] : member.unknown_counters) {
    (*record.mutable_counters())[name] = value;
  }
  member.element->Save(record);
  if (member.holding != nullptr) {
    record.set_first(member.holding->store().first());
    record.set_next(member.holding->store().next());
    record.set_complete(delta);
  }
  std::string bytes = record.SerializeAsString() + member.unknown_fields;
  if (delta && bytes == member.written) return;
  member.written = bytes;
  sink.Append({kElementKind, kSchema, std::move(bytes)});
}

bool PipelineState::SavePacket(runtime::StateSink& sink, Member& member, uint64_t end) {
  PacketStore& store = member.holding->store();
  const uint64_t number = std::max(member.packets_from, store.first());
  if (number >= end || number >= store.next()) return false;
  const size_t index = number - store.first();
  HeldPacketRecord record;
  record.set_element(member.element->name());
  record.set_number(number);
  Save(store.View(index), record);
  sink.Append({kHeldKind, kSchema, record.SerializeAsString() + store.unknown_fields(index)});
  member.packets_from = number + 1;
  return true;
}

PipelineState::Member* PipelineState::Find(const std::string& name) {
  const auto member = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
    return member.element->name() == name;
  });
  return member == members_.end() ? nullptr : &*member;
}

absl::Status PipelineState::Restore(runtime::StateSource& source) {
  std::vector<Complete> complete;
  while (std::optional<runtime::StateRecord> record = source.Next()) {
    if (record->schema != kSchema) {
      return absl::UnimplementedError(absl::StrCat("record ", record->kind, " has schema ",
                                                   record->schema, "; known: ", kSchema));
    }
    absl::Status status;
    if (record->kind == kElementKind) {
      status = RestoreElement(record->bytes, complete);
    } else if (record->kind == kHeldKind) {
      status = RestorePacket(record->bytes);
    } else {
      status = absl::UnimplementedError(absl::StrCat("unknown kind of record: ", record->kind));
    }
    if (!status.ok()) return status;
  }
  for (const auto& [member, first, next] : complete) {
    const PacketStore& store = member->holding->store();
    if (store.next() != next || store.size() != next - first) {
      return Contradiction(member->element->name(),
                           absl::StrCat("it held packets ", first, " to ", next, ", but ",
                                        store.size(), " came, the last before ", store.next()));
    }
  }
  return absl::OkStatus();
}

absl::Status PipelineState::RestoreElement(const std::string& bytes,
                                           std::vector<Complete>& complete) {
  ElementRecord record;
  std::string unknown;
  if (absl::Status status = Parse(bytes, record, unknown); !status.ok()) return status;
  Member* const member = Find(record.name());
  if (member == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("state of element ", record.name(), ", which the pipeline does not have"));
  }
  for (const CounterRef& counter : member->element->Counters()) {
    const auto it = record.counters().find(counter.name);
    *counter.value = it == record.counters().end() ? 0 : it->second;
    record.mutable_counters()->erase(counter.name);
  }
  member->unknown_counters = {record.counters().begin(), record.counters().end()};
  member->unknown_fields = std::move(unknown);
  if (absl::Status status = member->element->Load(record); !status.ok()) return status;
  if (record.first() > record.next() || record.next() > kMaxNumber ||
      (member->holding == nullptr && record.next() > 0)) {
    return Contradiction(record.name(),
                         absl::StrCat("it held packets ", record.first(), " to ", record.next()));
  }
  if (member->holding == nullptr) return absl::OkStatus();
  member->holding->store().DropBelow(record.first());
  if (record.complete()) complete.push_back({member, record.first(), record.next()});
  return absl::OkStatus();
}

absl::Status PipelineState::RestorePacket(const std::string& bytes) {
  HeldPacketRecord record;
  std::string unknown;
  if (absl::Status status = Parse(bytes, record, unknown); !status.ok()) return status;
  Member* const member = Find(record.element());
  if (member == nullptr || member->holding == nullptr) {
    return absl::NotFoundError(absl::StrCat("a packet of element ", record.element(),
                                            ", which the pipeline does not have, or not to hold "
                                            "packets"));
  }
  PacketStore& store = member->holding->store();
  if (record.number() >= kMaxNumber) {
    return Contradiction(record.element(), absl::StrCat("a packet's number is ", record.number()));
  }
  // It came in an earlier round, or has left since.
  if (record.number() < store.next()) return absl::OkStatus();
  const runtime::Packet packet = Load(record);
  if (!store.Fits(packet.length())) {
    return Contradiction(record.element(),
                         absl::StrCat("packet ", record.number(), " of ", packet.length(),
                                      " bytes is beyond its limits"));
  }
  store.Append(packet, record.number(), std::move(unknown));
  return absl::OkStatus();
}

}  // namespace farrier::elements
