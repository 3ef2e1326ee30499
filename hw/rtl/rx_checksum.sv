// Verifies the checksums of packets as they come: their beats wait here until the parser has read their
// headers, a few cycles, and are summed up one per cycle. The verdict comes at most
// 18 cycles after a packet's last beat or 14 after its query, whichever is later.
module rx_checksum (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  // All beats of the packets that are stored, in order.
  input  logic                         valid_i,
  input  logic                         last_i,
  input  logic [511:0]                 data_i,
  // A query per packet, in order. Beats wait for it 9 cycles at most.
  input  logic                         query_valid_i,
  input  farrier_pkg::checksum_query_t query_i,
  input  farrier_pkg::cell_t           head_i,       // where the packet is
  // Verdicts, in order.
  output logic                         valid_o,      // for one cycle per packet
  output farrier_pkg::cell_t           head_o,
  output farrier_pkg::checksums_t      checksums_o,
  // The packet that is being summed up: its verdict has not come.
  output logic                         open_o,
  output farrier_pkg::cell_t           open_head_o
);

  localparam int unsigned Depth = 16;

  logic                         beat_valid, beat_last, query_valid, pop;
  logic [511:0]                 beat_data;
  farrier_pkg::checksum_query_t query;
  farrier_pkg::cell_t           head;
  logic [1:0]                   full;
  logic [$clog2(Depth):0]       beat_level, query_level;

  fifo #(
    .Width(513),
    .Depth(Depth)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .push_i (valid_i),
    .data_i ({last_i, data_i}),
    .full_o (full[0]),
    .valid_o(beat_valid),
    .data_o ({beat_last, beat_data}),
    .pop_i  (pop),
    .level_o(beat_level)
  );

  fifo #(
    .Width($bits(query) + farrier_pkg::CellBits),
    .Depth(Depth)
  ) u_queries (
    .clk_i,
    .rst_ni,
    .push_i (query_valid_i),
    .data_i ({query_i, head_i}),
    .full_o (full[1]),
    .valid_o(query_valid),
    .data_o ({query, head}),
    .pop_i  (pop && beat_last),
    .level_o(query_level)
  );

  assign pop = beat_valid && query_valid;

  logic        inside_q, summed, summed_last;
  farrier_pkg::checksum_tag_t tag, summed_tag;
  logic [15:0] sum;

  assign tag.verify = query.verify;
  assign tag.l3     = query.l3;
  assign tag.l4     = query.l4;
  assign tag.head   = head;

  checksum_sum #(
    .TagBits($bits(tag))
  ) u_sum (
    .clk_i,
    .rst_ni,
    .valid_i(pop),
    .first_i(!inside_q),
    .last_i (beat_last),
    .data_i (beat_data),
    .from_i (query.from),
    .to_i   (query.to),
    .seed_i (query.seed),
    .tag_i  (tag),
    .valid_o(summed),
    .last_o (summed_last),
    .tag_o  (summed_tag),
    .sum_o  (sum)
  );

  always_comb begin
    valid_o        = summed && summed_last;
    head_o         = summed_tag.head;
    checksums_o.l3 = summed_tag.l3;
    checksums_o.l4 = summed_tag.l4;
    if (summed_tag.verify) begin
      checksums_o.l4 = (sum == '1) ? farrier_regs_pkg::ChecksumStateGood
                                   : farrier_regs_pkg::ChecksumStateBad;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      inside_q <= 1'b0;
      open_o   <= 1'b0;
    end else begin
      if (pop) inside_q <= !beat_last;
      if (summed) open_o <= !summed_last;
    end
    if (summed) open_head_o <= summed_tag.head;
  end

  // Queries come early enough that neither queue fills.
  logic unused;
  assign unused = ^{full, beat_level, query_level, query.l3_sum};

endmodule
