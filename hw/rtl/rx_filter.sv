// Looks up all that is looked up for a packet, side by side: the exact filters, the ternary rules for what
// has no match there, and RSS. Four cycles, one packet per cycle.
module rx_filter #(
  parameter int unsigned V4FlowDepth = 2048,    // entries per way
  parameter int unsigned V4ListenDepth = 512,
  parameter int unsigned V6FlowDepth = 512,
  parameter int unsigned V6ListenDepth = 512
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  output logic                          ready_o,       // set up after reset
  // Packets, in order.
  input  logic                          valid_i,
  input  farrier_pkg::rx_packet_t       packet_i,
  input  farrier_pkg::classify_t        classify_i,
  output logic                          valid_o,
  output farrier_pkg::found_t           found_o,
  output farrier_pkg::lookup_t          lookup_o,      // for the prefix
  // Clearing after reset: entry clear_index_i of all ways of all tables.
  input  logic                          clear_i,
  input  logic [15:0]                   clear_index_i,
  // Software: the exact filters; RULE_*; RSS_*.
  input  farrier_pkg::filter_request_t  filter_i,
  output farrier_pkg::filter_response_t filter_o,
  output logic                          starved_o,     // a read has waited for long: leave a gap
  input  logic                          rules_valid_i, // held until done
  input  logic                          rss_valid_i,   // held until done
  input  farrier_pkg::block_request_t   block_i,
  output farrier_pkg::block_response_t  rules_o,
  output farrier_pkg::block_response_t  rss_o
);

  localparam int unsigned Cycles = farrier_pkg::LookupCycles;

  logic                    looked_up;  // what is dropped anyway is not
  logic [Cycles-1:0]       valid_q, looked_up_q;
  farrier_pkg::rx_packet_t packet1_q, packet2_q, packet3_q, packet4_q;

  assign looked_up = valid_i && !packet_i.malformed && !packet_i.oversize && !packet_i.refused;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q     <= '0;
      looked_up_q <= '0;
    end else begin
      valid_q     <= {valid_q[Cycles-2:0], valid_i};
      looked_up_q <= {looked_up_q[Cycles-2:0], looked_up};
    end
    if (valid_i) packet1_q <= packet_i;
    if (valid_q[0]) packet2_q <= packet1_q;
    if (valid_q[1]) packet3_q <= packet2_q;
    if (valid_q[2]) packet4_q <= packet3_q;
  end

  logic                exact_hit;
  farrier_pkg::owner_t exact_owner;

  filter_exact #(
    .V4FlowDepth  (V4FlowDepth),
    .V4ListenDepth(V4ListenDepth),
    .V6FlowDepth  (V6FlowDepth),
    .V6ListenDepth(V6ListenDepth)
  ) u_exact (
    .clk_i,
    .rst_ni,
    .valid_i (looked_up && classify_i.has_ports),
    .classify_i,
    .hit_o   (exact_hit),
    .owner_o (exact_owner),
    .clear_i,
    .clear_index_i,
    .filter_i,
    .filter_o,
    .starved_o
  );

  // A rule counts if no exact filter matched.
  logic                      rule_match, rule_counts, rules_ready, rss_ready;
  farrier_pkg::rule_action_t action;

  assign rule_counts = looked_up_q[Cycles-1] && rule_match && !exact_hit;

  rules u_rules (
    .clk_i,
    .rst_ni,
    .ready_o      (rules_ready),
    .valid_i      (looked_up),
    .classify_i,
    .match_o      (rule_match),
    .action_o     (action),
    .count_i      (rule_counts),
    .block_valid_i(rules_valid_i),
    .block_i,
    .block_o      (rules_o)
  );

  assign ready_o = rules_ready && rss_ready;

  logic [31:0] rss_hash;
  logic [3:0]  rss_entry;

  rss u_rss (
    .clk_i,
    .rst_ni,
    .ready_o      (rss_ready),
    .valid_i      (looked_up),
    .classify_i,
    .hash_o       (rss_hash),
    .entry_o      (rss_entry),
    .block_valid_i(rss_valid_i),
    .block_i,
    .block_o      (rss_o)
  );

  always_comb begin
    valid_o        = valid_q[Cycles-1];
    found_o.packet = packet4_q;
    found_o.drop   = rule_counts && action.drop;
    found_o.hit    = exact_hit || (rule_counts && action.has_owner);
    found_o.owner  = exact_hit ? exact_owner : action.owner;
    found_o.entry  = looked_up_q[Cycles-1] ? rss_entry : 4'd0;
    lookup_o.rss_hash     = rss_hash;
    lookup_o.pacing_class = rule_counts ? action.pacing_class : 6'd0;
  end

endmodule
