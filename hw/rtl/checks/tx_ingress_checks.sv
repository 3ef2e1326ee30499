// What must hold at the TX ingress, and should be seen there, bound to it.
module tx_ingress_checks (
  input logic       clk_i,
  input logic       rst_ni,
  input logic       valid_i,
  input logic       valid_q,
  input logic       busy_q,
  input logic       last_q,
  input logic       prefix_q,
  input logic       raw_q,
  input logic       disabled_q,
  input logic       bad_q,
  input logic       data_beat,
  input logic       inside_q,
  input logic       failed_q,
  input logic       new_cell,
  input logic       too_long,
  input logic       store,
  input logic       starved,
  input logic       cell_valid_i,
  input logic       cell_take_o,
  input logic       inspect_o,
  input logic       packet_valid_o,
  input farrier_pkg::tx_beat_t   inspect_beat_o,
  input farrier_pkg::tx_packet_t packet_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) cell_take_o |-> cell_valid_i)
    else $error("tx_ingress: takes a cell that is not there");

  logic known;
  assign known = data_beat && !disabled_q && !bad_q;

  cover property (@(posedge clk_i) rst_ni && valid_q && prefix_q && last_q);      // a prefix alone
  cover property (@(posedge clk_i) rst_ni && data_beat && disabled_q);
  cover property (@(posedge clk_i) rst_ni && data_beat && bad_q);
  cover property (@(posedge clk_i) rst_ni && store && raw_q);
  cover property (@(posedge clk_i) rst_ni && store && !raw_q);
  cover property (@(posedge clk_i) rst_ni && store && !inside_q && last_q);
  cover property (@(posedge clk_i) rst_ni && known && too_long && !failed_q);     // ends what there is
  cover property (@(posedge clk_i) rst_ni && known && too_long && failed_q && last_q);
  cover property (@(posedge clk_i) rst_ni && known && !inside_q && !cell_valid_i);
  cover property (@(posedge clk_i) rst_ni && starved);
  cover property (@(posedge clk_i) rst_ni && known && inside_q && failed_q && !too_long);
  cover property (@(posedge clk_i) rst_ni && store && new_cell && inside_q);
  cover property (@(posedge clk_i) rst_ni && busy_q && !valid_i);                 // a bubble
  for (genvar guarded = 0; guarded < 2; guarded++) begin : g_guarded
    for (genvar insert = 0; insert < 2; insert++) begin : g_insert
      if (guarded + insert != 0) begin : g_look
        cover property (@(posedge clk_i) rst_ni && inspect_o && inspect_beat_o.guarded == 1'(guarded) &&
                                         inspect_beat_o.insert == 1'(insert));
      end
    end
  end
  cover property (@(posedge clk_i) rst_ni && packet_valid_o && packet_o.stored);
  cover property (@(posedge clk_i) rst_ni && packet_valid_o && packet_o.partial);
  cover property (@(posedge clk_i) rst_ni && packet_valid_o && packet_o.size == '1);
  cover property (@(posedge clk_i) rst_ni && packet_valid_o && packet_o.cells == 5'd19 && packet_o.stored);
  cover property (@(posedge clk_i) rst_ni && packet_valid_o && packet_o.report);

  logic unused;
  assign unused = ^{inspect_beat_o, packet_o};

endmodule

bind tx_ingress tx_ingress_checks u_checks (.*);
