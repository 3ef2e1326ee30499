// What should be seen at the ingress, bound to it.
module rx_ingress_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        valid_q,
  input logic        first_q,
  input logic        last_q,
  input logic        short_q,
  input logic        long_q,
  input logic        fill_q,
  input logic        refuse_i,
  input logic        ahead_valid_q,
  input logic        store,
  input logic        counts,
  input logic        at_end,
  input logic        early,
  input logic        in_window,
  input logic        reported_cut,
  input logic        closing,
  input logic        opening,
  input logic        write_o,
  input logic        write_last_o,
  input logic        link_write_o,
  input logic        cell_take_o,
  input logic        cell_valid_i,
  input logic [7:0]  cells_q,
  input logic [10:0] index_q,
  input logic [15:0] size_q,
  input logic        window_last_o,
  input logic [1:0]  window_beat_o,
  input farrier_pkg::cell_link_t link_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) cell_take_o |-> cell_valid_i)
    else $error("rx_ingress: takes a cell that is not there");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   link_write_o && !link_o.last |-> cell_valid_i)
    else $error("rx_ingress: a cell linked to none");

  logic starts;
  assign starts = valid_q && first_q;

  // Stored, or why not.
  cover property (@(posedge clk_i) rst_ni && starts && store);
  cover property (@(posedge clk_i) rst_ni && starts && short_q && size_q == '0);
  cover property (@(posedge clk_i) rst_ni && starts && short_q && size_q != '0);
  cover property (@(posedge clk_i) rst_ni && starts && long_q);
  cover property (@(posedge clk_i) rst_ni && starts && fill_q && !short_q && !long_q);
  cover property (@(posedge clk_i) rst_ni && starts && refuse_i && !short_q && !long_q);
  cover property (@(posedge clk_i) rst_ni && starts && !ahead_valid_q && !short_q && !long_q);
  cover property (@(posedge clk_i) rst_ni && starts && !store && ahead_valid_q && !short_q && !long_q &&
                                   !fill_q && !refuse_i);  // not enough of them
  cover property (@(posedge clk_i) rst_ni && opening && closing);  // a single beat
  cover property (@(posedge clk_i) rst_ni && starts && store && cells_q == 8'd19);
  // Ends.
  cover property (@(posedge clk_i) rst_ni && at_end && last_q);
  cover property (@(posedge clk_i) rst_ni && at_end && !last_q);                // goes on beyond its size
  cover property (@(posedge clk_i) rst_ni && valid_q && !counts);
  cover property (@(posedge clk_i) rst_ni && reported_cut && store);
  cover property (@(posedge clk_i) rst_ni && early && !in_window && store);     // filled up
  cover property (@(posedge clk_i) rst_ni && early && !in_window && !store);
  cover property (@(posedge clk_i) rst_ni && fill_q && write_last_o);
  cover property (@(posedge clk_i) rst_ni && fill_q && link_write_o);           // over cells' bounds
  cover property (@(posedge clk_i) rst_ni && valid_q && index_q == '1);         // without end
  cover property (@(posedge clk_i) rst_ni && write_o && link_write_o && link_o.last);
  for (genvar i = 0; i < 3; i++) begin : g_window
    cover property (@(posedge clk_i) rst_ni && window_last_o && window_beat_o == i);
  end

  logic unused;
  assign unused = ^link_o;

endmodule

bind rx_ingress rx_ingress_checks u_checks (.*);
