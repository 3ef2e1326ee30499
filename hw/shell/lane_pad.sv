// A C2H lane on which no packet has two beats. The shell's queue picker (qdma_subsystem_hash) takes the
// beat after a packet's first for granted: if that one is also the last and is stalled, which happens
// whenever the host is slower than the card for a moment, it takes it for a packet of its own, and
// every later packet of the function goes to a wrong queue. So 65 to 128 bytes are given 64 zeros more.
// Where a prefix leads, its flag `padded` says so and the driver takes them off; a raw function's frame has
// them behind its payload, where Ethernet allows padding.
module lane_pad (
  input  logic         clk_i,
  input  logic         rst_ni,
  // From the card; everything 0 while valid_i is 0.
  input  logic         valid_i,
  input  logic [511:0] data_i,
  input  logic [63:0]  keep_i,
  input  logic         last_i,
  input  logic [15:0]  size_i,   // bytes, with every beat
  output logic         ready_o,
  // To the shell.
  output logic         valid_o,
  output logic [511:0] data_o,
  output logic [63:0]  keep_o,
  output logic         last_o,
  output logic [15:0]  size_o,
  input  logic         ready_i
);

  localparam int unsigned FlagBit =
      8 * farrier_regs_pkg::PrefixFlags + farrier_regs_pkg::PrefixFlagPadded;

  logic        pad, prefixed, extra_q;
  logic [63:0] extra_keep_q;
  logic [15:0] extra_size_q;

  assign pad = size_i > 16'd64 && size_i <= 16'd128;
  // A prefix begins with two MAC addresses of zeros. What else does is no frame of anybody's.
  assign prefixed = data_i[95:0] == '0;

  assign ready_o = ready_i && !extra_q;
  assign valid_o = valid_i || extra_q;
  assign last_o  = extra_q || (last_i && !pad);
  assign size_o  = extra_q ? extra_size_q : pad ? size_i + 16'd64 : size_i;
  assign keep_o  = extra_q ? extra_keep_q : pad ? '1 : keep_i;

  always_comb begin
    data_o = '0;
    if (!extra_q) begin
      for (int i = 0; i < 64; i++) begin
        if (keep_i[i]) data_o[8*i+:8] = data_i[8*i+:8];
      end
      if (pad && !last_i && prefixed) data_o[FlagBit] = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) extra_q <= 1'b0;
    else if (ready_i) extra_q <= !extra_q && valid_i && last_i && pad;
    if (!extra_q) begin
      extra_keep_q <= keep_i;
      extra_size_q <= size_o;
    end
  end

endmodule
