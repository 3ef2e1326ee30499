// What must hold along TX, and should be seen there, bound to it.
module tx_path_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        wait_valid,
  input logic        wait_full,
  input logic        wait_pop,
  input logic        ingress_valid,
  input farrier_pkg::tx_packet_t  wait_packet,
  input logic        guard_valid,
  input logic        patch_valid,
  input logic        decided,
  input logic        verdict_full,
  input logic        verdict_valid,
  input farrier_pkg::tx_verdict_t verdict,
  input logic        by_class,
  input logic        to_calendar,
  input logic        calendar_ready,
  input logic        clamped,
  input logic        calendar_due,
  input logic        class_due,
  input logic        class_turn,
  input logic        egress_ready,
  input logic [2:0]  in_favour_q,
  input logic        idle_o,
  input logic [63:0] wake_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) ingress_valid |-> !wait_full)
    else $error("tx_path: a packet is lost ahead of the decision");
  assert property (@(posedge clk_i) disable iff (!rst_ni) decided |-> !verdict_full)
    else $error("tx_path: a verdict is lost");

  cover property (@(posedge clk_i) rst_ni && wait_valid && wait_packet.guarded && !guard_valid);
  cover property (@(posedge clk_i) rst_ni && wait_valid && wait_packet.insert && !patch_valid);
  cover property (@(posedge clk_i) rst_ni && wait_pop);
  cover property (@(posedge clk_i) rst_ni && to_calendar && verdict.at_once);
  cover property (@(posedge clk_i) rst_ni && to_calendar && !verdict.at_once && !clamped);
  cover property (@(posedge clk_i) rst_ni && to_calendar && clamped);
  cover property (@(posedge clk_i) rst_ni && to_calendar && !calendar_ready);
  cover property (@(posedge clk_i) rst_ni && verdict_valid && verdict.accept && by_class);
  cover property (@(posedge clk_i) rst_ni && verdict_valid && !verdict.accept);
  cover property (@(posedge clk_i) rst_ni && egress_ready && calendar_due && class_due && !class_turn);
  cover property (@(posedge clk_i) rst_ni && egress_ready && calendar_due && class_due && class_turn);
  cover property (@(posedge clk_i) rst_ni && in_favour_q == 3'd7);
  cover property (@(posedge clk_i) rst_ni && idle_o && wake_o == '1);
  cover property (@(posedge clk_i) rst_ni && idle_o && wake_o != '1);

  logic unused;
  assign unused = ^{wait_packet, verdict};

endmodule

bind tx_path tx_path_checks u_checks (.*);
