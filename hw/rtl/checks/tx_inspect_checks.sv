// What must hold where frames are looked into, and should be seen there, bound to it.
module tx_inspect_checks (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   parsed,
  input logic                   beside_valid,
  input logic                   beside_full,
  input logic                   guard_full,
  input logic                   patch_full,
  input farrier_pkg::packet_meta_t meta,
  input logic                   query_valid_q,
  input farrier_pkg::tx_checksum_query_t query_q,
  input logic                   summed,
  input farrier_pkg::tx_patch_t patch
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) parsed |-> beside_valid)
    else $error("tx_inspect: a frame's fields are missing");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !beside_full || parsed)
    else $error("tx_inspect: too many frames");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(guard_full && patch_full))
    else $error("tx_inspect: verdicts pile up");

  for (genvar tags = 0; tags < 3; tags++) begin : g_tags
    cover property (@(posedge clk_i) rst_ni && parsed && meta.l3_offset == 14 + 4 * tags);
  end
  cover property (@(posedge clk_i) rst_ni && parsed && meta.l3_offset == 8'd0);
  cover property (@(posedge clk_i) rst_ni && query_valid_q && query_q.udp && query_q.l4);
  cover property (@(posedge clk_i) rst_ni && query_valid_q && !query_q.udp && query_q.l4);
  cover property (@(posedge clk_i) rst_ni && query_valid_q && !query_q.l4);
  cover property (@(posedge clk_i) rst_ni && summed && patch.l4 && patch.l4_value == '1);  // 0 is none

  logic unused;
  assign unused = ^{meta, query_q, patch};

endmodule

bind tx_inspect tx_inspect_checks u_checks (.*);
