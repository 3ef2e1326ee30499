// AXI-Lite slave (32-bit data, no strobes, as OpenNIC has it) in front of a request that is held until
// answered. One access at a time; a write goes before a read that came with it. Always answers OKAY.
module axil_slave #(
  parameter int unsigned AddressBits = 32
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  // AXI-Lite.
  input  logic                   awvalid_i,
  input  logic [AddressBits-1:0] awaddr_i,
  output logic                   awready_o,
  input  logic                   wvalid_i,
  input  logic [31:0]            wdata_i,
  output logic                   wready_o,
  output logic                   bvalid_o,
  output logic [1:0]             bresp_o,
  input  logic                   bready_i,
  input  logic                   arvalid_i,
  input  logic [AddressBits-1:0] araddr_i,
  output logic                   arready_o,
  output logic                   rvalid_o,
  output logic [31:0]            rdata_o,
  output logic [1:0]             rresp_o,
  input  logic                   rready_i,
  // The request.
  output logic                   request_o,  // with what follows, until done_i
  output logic                   write_o,
  output logic [AddressBits-1:0] address_o,
  output logic [31:0]            data_o,
  input  logic                   done_i,     // for one cycle, not in the first of a request
  input  logic [31:0]            data_i      // with done_i: what was read
);

  logic                   has_address_q, has_data_q, busy_q, write_q;
  logic [AddressBits-1:0] write_address_q, address_q;
  logic [31:0]            data_q;

  assign awready_o = !has_address_q;
  assign wready_o  = !has_data_q;
  assign arready_o = !busy_q && !bvalid_o && !rvalid_o && !(has_address_q && has_data_q);
  assign bresp_o   = 2'b00;
  assign rresp_o   = 2'b00;
  assign request_o = busy_q;
  assign write_o   = write_q;
  assign address_o = address_q;
  assign data_o    = data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      has_address_q <= 1'b0;
      has_data_q    <= 1'b0;
      busy_q        <= 1'b0;
      bvalid_o      <= 1'b0;
      rvalid_o      <= 1'b0;
    end else begin
      if (awvalid_i && awready_o) has_address_q <= 1'b1;
      if (wvalid_i && wready_o) has_data_q <= 1'b1;
      if (bready_i) bvalid_o <= 1'b0;
      if (rready_i) rvalid_o <= 1'b0;
      if (busy_q) begin
        if (done_i) begin
          busy_q <= 1'b0;
          if (write_q) begin
            bvalid_o      <= 1'b1;
            has_address_q <= 1'b0;
            has_data_q    <= 1'b0;
          end else begin
            rvalid_o <= 1'b1;
          end
        end
      end else if (!bvalid_o && !rvalid_o) begin
        if (has_address_q && has_data_q) begin
          busy_q  <= 1'b1;
          write_q <= 1'b1;
        end else if (arvalid_i) begin
          busy_q  <= 1'b1;
          write_q <= 1'b0;
        end
      end
    end
    if (awvalid_i && awready_o) write_address_q <= awaddr_i;
    if (wvalid_i && wready_o) data_q <= wdata_i;
    if (!busy_q) address_q <= (has_address_q && has_data_q) ? write_address_q : araddr_i;
    if (busy_q && done_i) rdata_o <= data_i;
  end

endmodule
