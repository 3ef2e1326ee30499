// What must hold at the TX decision, and should be seen there, bound to it: every reason for a drop.
module tx_decide_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        valid_i,
  input logic        ready_o,
  input logic        one_q,
  input logic        two_q,
  input logic        known,
  input logic        reached,
  input logic        stale,
  input logic        full,
  input logic        accept,
  input logic        fits_i,
  input logic        sends,
  input logic [13:0] row,
  input logic        attached_q,
  input logic        reclaim_valid_o,
  input farrier_pkg::reclaim_t   reclaim_o,
  input farrier_pkg::tx_packet_t one_packet_q,
  input farrier_pkg::tx_packet_t packet_q,
  input farrier_pkg::switched_t  switched_i
);

  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   two_q |-> accept || reclaim_valid_o || !(packet_q.stored || packet_q.partial))
    else $error("tx_decide: cells of a dropped packet stay");

  logic owned;
  assign owned = one_q && !one_packet_q.raw && !one_packet_q.disabled && !one_packet_q.bad;

  cover property (@(posedge clk_i) rst_ni && two_q && accept && packet_q.raw);
  cover property (@(posedge clk_i) rst_ni && two_q && accept && !packet_q.raw);
  for (genvar state = 0; state < 4; state++) begin : g_state
    cover property (@(posedge clk_i) rst_ni && owned && row[13:12] == state &&
                                     one_packet_q.generation == {4'd0, row[11:0]});
  end
  cover property (@(posedge clk_i) rst_ni && owned && !sends && one_packet_q.generation[11:0] != row[11:0] &&
                                   row[13:12] == farrier_regs_pkg::OwnerStateAttached);
  cover property (@(posedge clk_i) rst_ni && owned && !sends && one_packet_q.generation[11:0] == row[11:0] &&
                                   one_packet_q.generation[15:12] != '0);
  cover property (@(posedge clk_i) rst_ni && two_q && packet_q.disabled);
  cover property (@(posedge clk_i) rst_ni && two_q && !packet_q.disabled && packet_q.bad);
  cover property (@(posedge clk_i) rst_ni && two_q && known && stale);
  cover property (@(posedge clk_i) rst_ni && two_q && reached && packet_q.violation);
  cover property (@(posedge clk_i) rst_ni && two_q && full && packet_q.stored && !fits_i && !packet_q.raw);
  cover property (@(posedge clk_i) rst_ni && two_q && full && packet_q.stored && !fits_i && packet_q.raw);
  cover property (@(posedge clk_i) rst_ni && two_q && full && !packet_q.stored && !packet_q.raw);
  cover property (@(posedge clk_i) rst_ni && two_q && full && !packet_q.stored && packet_q.raw);
  cover property (@(posedge clk_i) rst_ni && reclaim_valid_o && packet_q.partial);
  cover property (@(posedge clk_i) rst_ni && reclaim_valid_o && reclaim_o.single);
  cover property (@(posedge clk_i) rst_ni && reclaim_valid_o && packet_q.stored && !reclaim_o.single);
  cover property (@(posedge clk_i) rst_ni && valid_i && !ready_o);   // waits for a row's news
  cover property (@(posedge clk_i) rst_ni && switched_i.valid && (one_q || two_q));
  cover property (@(posedge clk_i) rst_ni && attached_q && one_q);

  logic unused;
  assign unused = ^{one_packet_q, packet_q, reclaim_o, switched_i};

endmodule

bind tx_decide tx_decide_checks u_checks (.*);
