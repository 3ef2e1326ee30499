// What must hold at the AXI-Lite slave, bound to it.
module axil_slave_checks #(
  parameter int unsigned AddressBits = 32
) (
  input logic                   clk_i,
  input logic                   rst_ni,
  input logic                   awvalid_i,
  input logic                   awready_o,
  input logic                   wvalid_i,
  input logic                   wready_o,
  input logic                   bvalid_o,
  input logic                   bready_i,
  input logic                   arvalid_i,
  input logic                   arready_o,
  input logic                   rvalid_o,
  input logic [31:0]            rdata_o,
  input logic                   rready_i,
  input logic                   request_o,
  input logic                   write_o,
  input logic [AddressBits-1:0] address_o,
  input logic [31:0]            data_o,
  input logic                   done_i
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) bvalid_o && !bready_i |=> bvalid_o)
    else $error("axil_slave: a write's answer was withdrawn");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   rvalid_o && !rready_i |=> rvalid_o && $stable(rdata_o))
    else $error("axil_slave: a read's answer changed");
  assert property (@(posedge clk_i) disable iff (!rst_ni) done_i |-> request_o)
    else $error("axil_slave: an answer to no request");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   request_o && !done_i |=> request_o && $stable(write_o) && $stable(address_o))
    else $error("axil_slave: a request changed");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   request_o && write_o && !done_i |=> $stable(data_o))
    else $error("axil_slave: what is written changed");

  cover property (@(posedge clk_i) rst_ni && wvalid_i && wready_o && !awvalid_i);    // data first
  cover property (@(posedge clk_i) rst_ni && awvalid_i && awready_o && !wvalid_i);   // address first
  cover property (@(posedge clk_i) rst_ni && arvalid_i && !arready_o && request_o && write_o);
  cover property (@(posedge clk_i) rst_ni && bvalid_o && !bready_i);
  cover property (@(posedge clk_i) rst_ni && rvalid_o && !rready_i);

endmodule

bind axil_slave axil_slave_checks #(.AddressBits(AddressBits)) u_checks (.*);
