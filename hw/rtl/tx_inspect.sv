// Looks into the frames that are guarded or want checksums: parser, guard, checksums. Verdicts and patches
// wait in the order of the frames until they are taken.
module tx_inspect #(
  parameter int unsigned Functions = 2
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic                         clear_i,         // after reset: entries of clear_func_i
  input  logic [1:0]                   clear_func_i,
  // GUARD_*: held until done.
  input  logic                         access_valid_i,
  input  farrier_pkg::block_request_t  access_i,
  output farrier_pkg::block_response_t access_o,
  // All beats of those frames, without prefix.
  input  logic                         valid_i,
  input  farrier_pkg::tx_beat_t        beat_i,
  input  logic [511:0]                 data_i,
  // Of the oldest frame that is guarded.
  output logic                         guard_valid_o,
  output logic                         violation_o,
  input  logic                         guard_pop_i,
  // Of the oldest frame that wants checksums.
  output logic                         patch_valid_o,
  output farrier_pkg::tx_patch_t       patch_o,
  input  logic                         patch_pop_i
);

  localparam int unsigned Depth = 32;  // frames that may wait for the decision

  // The beginning of each frame, for the parser; and what the parser does not tell.
  typedef struct packed {
    logic        guarded;
    logic        insert;
    logic [1:0]  func;
    logic        arp_good;
    logic [47:0] arp_mac;   // the sender's
    logic [31:0] arp_ip;
    logic [47:0] ipv4_old;  // checksums, as numbers, if the IP header is at 14, 18, 22
  } beside_t;

  logic [1:0]                   index_q, index;  // of the beat; stays at 3
  logic                         parsed, beside_full, beside_valid;
  beside_t                      begun, beside;
  logic [4:0]                   beside_level;
  farrier_pkg::rx_packet_t      packet, parsed_packet;
  farrier_pkg::packet_meta_t    meta;
  farrier_pkg::classify_t       classify;
  farrier_pkg::checksum_query_t found;
  farrier_pkg::tx_arp_t         arp;

  always_comb begin
    index       = beat_i.first ? 2'd0 : index_q;
    packet      = '0;
    packet.size = beat_i.size;

    begun = '0;
    if (valid_i && index == 2'd0) begin
      begun.guarded  = beat_i.guarded;
      begun.insert   = beat_i.insert;
      begun.func     = beat_i.func;
      begun.arp_good = farrier_pkg::swap32(data_i[8*14+:32]) == 32'h0001_0800 &&
                       farrier_pkg::swap16(data_i[8*18+:16]) == 16'h0604 && beat_i.size >= 16'd42;
      begun.arp_mac  = {farrier_pkg::swap16(data_i[8*22+:16]),
                        farrier_pkg::swap32(data_i[8*24+:32])};
      begun.arp_ip   = farrier_pkg::swap32(data_i[8*28+:32]);
      begun.ipv4_old = {farrier_pkg::swap16(data_i[8*(22+10)+:16]),
                        farrier_pkg::swap16(data_i[8*(18+10)+:16]),
                        farrier_pkg::swap16(data_i[8*(14+10)+:16])};
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) index_q <= (index == 2'd3) ? 2'd3 : index + 2'd1;
  end

  rx_parser u_parser (
    .clk_i,
    .rst_ni,
    .valid_i    (valid_i && index != 2'd3),
    .last_i     (beat_i.last || index == 2'd2),
    .beat_i     (index),
    .data_i,
    .packet_i   (packet),
    .arrival_i  (64'd0),
    .pony_low_i (16'd1),
    .pony_high_i(16'd0),
    .valid_o    (parsed),
    .packet_o   (parsed_packet),
    .meta_o     (meta),
    .classify_o (classify),
    .checksum_o (found)
  );

  fifo #(
    .Width($bits(begun)),
    .Depth(16),
    .Waits(1'b1)
  ) u_beside (
    .clk_i,
    .rst_ni,
    .push_i (valid_i && index == 2'd0),
    .data_i (begun),
    .full_o (beside_full),
    .valid_o(beside_valid),
    .data_o (beside),
    .pop_i  (parsed),
    .level_o(beside_level)
  );

  // Guard.
  assign arp.good       = beside.arp_good;
  assign arp.sender_mac = beside.arp_mac;
  assign arp.sender_ip  = beside.arp_ip;

  logic                   guarded, violation, guard_full;
  logic [$clog2(Depth):0] guard_level;

  tx_guard #(
    .Functions(Functions)
  ) u_guard (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_func_i,
    .access_valid_i,
    .access_i,
    .access_o,
    .valid_i    (parsed && beside.guarded),
    .func_i     (beside.func),
    .classify_i (classify),
    .arp_i      (arp),
    .valid_o    (guarded),
    .violation_o(violation)
  );

  fifo #(
    .Width(1),
    .Depth(Depth)
  ) u_verdicts (
    .clk_i,
    .rst_ni,
    .push_i (guarded),
    .data_i (violation),
    .full_o (guard_full),
    .valid_o(guard_valid_o),
    .data_o (violation_o),
    .pop_i  (guard_pop_i),
    .level_o(guard_level)
  );

  // Checksums. IPv4's is the sum of its header less what was in its place (RFC 1624).
  logic                            query_valid_q, summed, patch_full;
  farrier_pkg::tx_checksum_query_t query_q;
  farrier_pkg::tx_patch_t          patch;
  logic [15:0]                     ipv4_old, ipv4_sum;
  logic [16:0]                     ipv4_less;
  logic [4:0]                      ipv4_place;
  logic                            udp;
  logic [$clog2(Depth):0]          patch_level;

  always_comb begin
    unique case (meta.l3_offset)
      8'd22: begin
        ipv4_old   = beside.ipv4_old[47:32];
        ipv4_place = 5'((22 + 10) / 2);
      end
      8'd18: begin
        ipv4_old   = beside.ipv4_old[31:16];
        ipv4_place = 5'((18 + 10) / 2);
      end
      default: begin
        ipv4_old   = beside.ipv4_old[15:0];
        ipv4_place = 5'((14 + 10) / 2);
      end
    endcase
    ipv4_less = {1'b0, found.l3_sum} + {1'b0, ~ipv4_old};
    ipv4_sum  = ipv4_less[15:0] + {15'd0, ipv4_less[16]};
    udp       = classify.protocol == 8'd17;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) query_valid_q <= 1'b0;
    else query_valid_q <= parsed && beside.insert;
    query_q.udp        <= udp;
    query_q.ipv4       <= classify.ipv4;
    query_q.ipv4_place <= ipv4_place;
    query_q.ipv4_value <= ~ipv4_sum;
    // Neither verified nor judged: not to be looked at.
    query_q.l4         <= found.verify || found.l4 != farrier_regs_pkg::ChecksumStateUnchecked;
    query_q.l4_place   <= found.from[7:1] + (udp ? 7'd3 : 7'd8);
    query_q.from       <= found.from;
    query_q.to         <= found.to;
    query_q.seed       <= found.seed;
  end

  tx_checksum u_checksum (
    .clk_i,
    .rst_ni,
    .valid_i      (valid_i && beat_i.insert),
    .last_i       (beat_i.last),
    .data_i,
    .query_valid_i(query_valid_q),
    .query_i      (query_q),
    .valid_o      (summed),
    .patch_o      (patch)
  );

  fifo #(
    .Width($bits(patch)),
    .Depth(Depth)
  ) u_patches (
    .clk_i,
    .rst_ni,
    .push_i (summed),
    .data_i (patch),
    .full_o (patch_full),
    .valid_o(patch_valid_o),
    .data_o (patch_o),
    .pop_i  (patch_pop_i),
    .level_o(patch_level)
  );

  // Queues have a place for every frame that may wait; RX asks the parser for more.
  logic unused;
  assign unused = ^{parsed_packet, meta, classify, found, beside_full, beside_valid, beside_level,
                    guard_full, guard_level, patch_full, patch_level};

endmodule
