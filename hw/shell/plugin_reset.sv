// The box's reset handshake: a low pulse of one cycle asks for a reset, which then lasts 127 cycles of the
// register clock in both clock domains. As long as the shell gives its own modules.
module plugin_reset (
  input  logic axil_clk_i,    // 125 MHz; rises together with axis_clk_i
  input  logic axis_clk_i,    // 250 MHz
  input  logic mod_rst_ni,    // by axil_clk_i: low for one cycle
  output logic mod_rst_done_o,  // by axil_clk_i: the reset last asked for is over
  output logic axil_rst_no,   // by axil_clk_i
  output logic axis_rst_no    // by axis_clk_i
);

  // All ones is where it rests, so that it comes to rest whatever it starts from; an FPGA starts from 0.
  logic [6:0] count_q;
  logic       axil_q, axis_first_q, axis_q;

  always_ff @(posedge axil_clk_i) begin
    if (!mod_rst_ni) count_q <= '0;
    else if (count_q != '1) count_q <= count_q + 7'd1;
    axil_q <= count_q == '1;
  end

  always_ff @(posedge axis_clk_i) begin
    axis_first_q <= count_q == '1;
    axis_q       <= axis_first_q;
  end

  assign mod_rst_done_o = count_q == '1 && mod_rst_ni;
  assign axil_rst_no    = axil_q;
  assign axis_rst_no    = axis_q;

endmodule
