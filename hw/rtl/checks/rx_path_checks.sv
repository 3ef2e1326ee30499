// What must hold along RX, and should be seen there, bound to it.
module rx_path_checks (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic                     found_valid,
  input farrier_pkg::found_t      found,
  input logic                     decide_full,
  input logic                     deliveries_full,
  input logic                     meta_full,
  input logic                     meta_valid,
  input logic                     pressure,
  input logic                     refuse,
  input logic                     starved,
  input logic                     reports_full,
  input logic                     report_lost,
  input logic                     bad_header_o,
  input farrier_pkg::tx_report_t  report_i,
  input farrier_pkg::packet_meta_t found_meta,
  input logic                     idle_o,
  input logic [63:0]              wake_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) found_valid |-> !decide_full && meta_valid)
    else $error("rx_path: a packet is lost behind the lookups");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !deliveries_full && !meta_full)
    else $error("rx_path: a queue that always has room is full");

  cover property (@(posedge clk_i) rst_ni && found_valid && found.packet.refused && !found.packet.malformed &&
                                   !found.packet.oversize);
  cover property (@(posedge clk_i) rst_ni && found_valid && found.packet.refused && found.packet.malformed);
  cover property (@(posedge clk_i) rst_ni && found_valid && found.packet.refused && found.packet.oversize);
  cover property (@(posedge clk_i) rst_ni && found_valid && found.hit);
  cover property (@(posedge clk_i) rst_ni && found_valid && !found.hit);
  cover property (@(posedge clk_i) rst_ni && found_valid && found.drop);
  cover property (@(posedge clk_i) rst_ni && found_valid && found_meta.pony);
  cover property (@(posedge clk_i) rst_ni && bad_header_o);
  cover property (@(posedge clk_i) rst_ni && pressure && !refuse);
  cover property (@(posedge clk_i) rst_ni && refuse && !starved);
  cover property (@(posedge clk_i) rst_ni && starved);
  cover property (@(posedge clk_i) rst_ni && report_i.valid && !reports_full);
  cover property (@(posedge clk_i) rst_ni && report_i.valid && reports_full);
  cover property (@(posedge clk_i) rst_ni && report_lost);
  cover property (@(posedge clk_i) rst_ni && idle_o && wake_o == '1);
  cover property (@(posedge clk_i) rst_ni && idle_o && wake_o != '1);

  logic unused;
  assign unused = ^{found, report_i, found_meta};

endmodule

bind rx_path rx_path_checks u_checks (.*);
