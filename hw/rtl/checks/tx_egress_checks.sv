// What must hold at the TX egress, and should be seen there, bound to it.
module tx_egress_checks (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   valid_i,
  input logic                   ready_o,
  input logic                   first_valid_q,
  input logic                   active_q,
  input logic                   crossed_q,
  input logic                   room,
  input logic                   go,
  input logic                   last,
  input logic                   take,
  input logic [2:0]             beat,
  input logic                   push_q,
  input logic                   out_full,
  input logic [1:0]             push_index_q,
  input farrier_pkg::tx_meta_t  push_meta_q,
  input farrier_pkg::tx_patch_t push_patch_q,
  input logic                   sent_o,
  input logic                   tx_valid_o,
  input logic                   tx_ready_i,
  input farrier_pkg::tx_release_t sent_cells_o,
  input farrier_pkg::tx_report_t  report_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) !(push_q && out_full))
    else $error("tx_egress: a beat is lost");

  logic insert;
  assign insert = push_q && push_meta_q.insert;

  cover property (@(posedge clk_i) rst_ni && take && last);                  // a single beat
  cover property (@(posedge clk_i) rst_ni && go && active_q && crossed_q);
  cover property (@(posedge clk_i) rst_ni && go && last && beat == 3'd7);
  cover property (@(posedge clk_i) rst_ni && (first_valid_q || active_q) && !room);
  cover property (@(posedge clk_i) rst_ni && valid_i && !ready_o);
  cover property (@(posedge clk_i) rst_ni && tx_valid_o && !tx_ready_i);
  for (genvar i = 0; i < 3; i++) begin : g_place
    cover property (@(posedge clk_i) rst_ni && insert && push_patch_q.l4 && push_index_q == i &&
                                     push_patch_q.l4_place[6:5] == i);
  end
  cover property (@(posedge clk_i) rst_ni && insert && push_index_q == '0 && push_patch_q.ipv4);
  cover property (@(posedge clk_i) rst_ni && insert && push_index_q == '0 && !push_patch_q.ipv4 &&
                                   push_patch_q.l4);                         // IPv6
  cover property (@(posedge clk_i) rst_ni && insert && push_index_q == '0 && push_patch_q.ipv4 &&
                                   !push_patch_q.l4);
  cover property (@(posedge clk_i) rst_ni && insert && push_index_q == '0 && !push_patch_q.ipv4 &&
                                   !push_patch_q.l4);                        // nothing to insert
  cover property (@(posedge clk_i) rst_ni && sent_o && sent_cells_o.raw);
  cover property (@(posedge clk_i) rst_ni && sent_o && !sent_cells_o.raw);
  cover property (@(posedge clk_i) rst_ni && report_o.valid);

  logic unused;
  assign unused = ^{push_meta_q, push_patch_q, sent_cells_o, report_o};

endmodule

bind tx_egress tx_egress_checks u_checks (.*);
