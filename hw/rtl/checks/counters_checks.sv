// What should be seen at the counters, bound to them: each global one grows. Those per owner are
// event_counters.
module counters_checks (
  input logic clk_i,
  input logic rst_ni,
  input logic [farrier_regs_pkg::GlobalCounters*32-1:0] global_i,
  input logic snapshot_i,
  input logic word_global_i,
  input logic [5:0] word_i,
  input farrier_pkg::rx_count_t rx_i
);

  for (genvar i = 0; i < farrier_regs_pkg::GlobalCounters; i++) begin : g_global
    cover property (@(posedge clk_i) rst_ni && global_i[32*i+:32] != '0);
  end
  cover property (@(posedge clk_i) rst_ni && snapshot_i);
  cover property (@(posedge clk_i) rst_ni && snapshot_i && global_i != '0);
  cover property (@(posedge clk_i) rst_ni && rx_i.valid && rx_i.delivered && rx_i.owner == rx_i.delivered_owner);
  cover property (@(posedge clk_i) rst_ni && rx_i.valid && rx_i.amount > 1);
  cover property (@(posedge clk_i) rst_ni && word_global_i && word_i == 6'd29);
  cover property (@(posedge clk_i) rst_ni && !word_global_i && word_i == 6'd27);

  logic unused;
  assign unused = ^rx_i;

endmodule

bind counters counters_checks u_checks (.*);
