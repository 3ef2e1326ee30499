// Works out the checksums to be inserted: a packet's beats wait here until its headers have been read,
// and are summed up one per cycle, without what is in the L4 checksum's place. Patches come out in
// order, at most 18 cycles after a packet's last beat or 14 after its query, whichever is later.
module tx_checksum (
  input  logic                            clk_i,
  input  logic                            rst_ni,
  // All beats of the packets that want checksums, in order.
  input  logic                            valid_i,
  input  logic                            last_i,
  input  logic [511:0]                    data_i,
  // A query per packet, in order. Beats wait for it 12 cycles at most.
  input  logic                            query_valid_i,
  input  farrier_pkg::tx_checksum_query_t query_i,
  // Patches.
  output logic                            valid_o,      // for one cycle per packet
  output farrier_pkg::tx_patch_t          patch_o
);

  localparam int unsigned Depth = 16;

  typedef struct packed {
    logic        udp;
    logic        ipv4;
    logic [4:0]  ipv4_place;
    logic [15:0] ipv4_value;
    logic        l4;
    logic [6:0]  l4_place;
  } tag_t;

  logic                           beat_valid, beat_last, query_valid, pop, inside_q;
  logic [511:0]                   beat_data, summed_data;
  farrier_pkg::tx_checksum_query_t query;
  logic [1:0]                     full, beat_q;   // beat_q: stays at 3
  logic [$clog2(Depth):0]         beat_level, query_level;

  fifo #(
    .Width(513),
    .Depth(Depth),
    .Waits(1'b1)
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
    .Width($bits(query)),
    .Depth(Depth)
  ) u_queries (
    .clk_i,
    .rst_ni,
    .push_i (query_valid_i),
    .data_i (query_i),
    .full_o (full[1]),
    .valid_o(query_valid),
    .data_o (query),
    .pop_i  (pop && beat_last),
    .level_o(query_level)
  );

  assign pop = beat_valid && query_valid;

  always_comb begin
    summed_data = beat_data;
    if (pop && query.l4_place[6:5] == (inside_q ? beat_q : 2'd0)) begin
      for (int i = 0; i < 32; i++) begin
        if (query.l4_place[4:0] == 5'(i)) summed_data[16*i+:16] = '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) inside_q <= 1'b0;
    else if (pop) inside_q <= !beat_last;
    if (pop) beat_q <= !inside_q ? 2'd1 : ((beat_q == 2'd3) ? 2'd3 : beat_q + 2'd1);
  end

  tag_t        tag, summed_tag;
  logic        summed, summed_last;
  logic [15:0] sum;

  always_comb begin
    tag.udp        = query.udp;
    tag.ipv4       = query.ipv4;
    tag.ipv4_place = query.ipv4_place;
    tag.ipv4_value = query.ipv4_value;
    tag.l4         = query.l4;
    tag.l4_place   = query.l4_place;
  end

  checksum_sum #(
    .TagBits($bits(tag))
  ) u_sum (
    .clk_i,
    .rst_ni,
    .valid_i(pop),
    .first_i(!inside_q),
    .last_i (beat_last),
    .data_i (summed_data),
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
    valid_o            = summed && summed_last;
    patch_o.ipv4       = summed_tag.ipv4;
    patch_o.ipv4_place = summed_tag.ipv4_place;
    patch_o.ipv4_value = summed_tag.ipv4_value;
    patch_o.l4         = summed_tag.l4;
    patch_o.l4_place   = summed_tag.l4_place;
    // 0 would say that there is none.
    patch_o.l4_value   = (summed_tag.udp && sum == '1) ? '1 : ~sum;
  end

  // Queries come early enough that neither queue fills.
  logic unused;
  assign unused = ^{full, beat_level, query_level};

endmodule
