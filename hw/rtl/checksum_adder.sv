// Adds up words as plain numbers, four per node and a register behind each level: the sum comes
// ceil(log4(Words)) cycles after the words, a sum per cycle, and stays until the next.
module checksum_adder #(
  parameter int unsigned Words = 32,
  localparam int unsigned Levels = ($clog2(Words) + 1) / 2,
  localparam int unsigned SumBits = 16 + 2 * Levels
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                valid_i,
  input  logic [16*Words-1:0] words_i,
  output logic [SumBits-1:0]  sum_o
);

  if (Words < 2) begin : g_check
    $error("checksum_adder: Words must be 2 or more");
  end

  logic [Levels:0]   valid;    // of what comes into each level, and of the sum
  logic [Levels-1:0] valid_q;
  logic              unused;

  assign valid  = {valid_q, valid_i};
  assign unused = valid[Levels];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= valid[Levels-1:0];
  end

  for (genvar level = 0; level < Levels; level++) begin : g_level
    localparam int unsigned Nodes = (Words + (1 << (2 * level + 2)) - 1) >> (2 * level + 2);
    localparam int unsigned Before = (Words + (1 << (2 * level)) - 1) >> (2 * level);
    localparam int unsigned Bits = 16 + 2 * level;  // of what comes in
    logic [4*Nodes*Bits-1:0]     in;
    logic [Nodes*(Bits+2)-1:0]   sum_q;

    for (genvar i = 0; i < 4 * Nodes; i++) begin : g_in
      if (i >= Before) begin : g_none
        assign in[Bits*i+:Bits] = '0;
      end else if (level == 0) begin : g_word
        assign in[Bits*i+:Bits] = words_i[Bits*i+:Bits];
      end else begin : g_sum
        assign in[Bits*i+:Bits] = g_level[level-1].sum_q[Bits*i+:Bits];
      end
    end

    for (genvar i = 0; i < Nodes; i++) begin : g_node
      always_ff @(posedge clk_i) begin
        if (valid[level]) begin
          sum_q[(Bits+2)*i+:Bits+2] <=
              ({2'd0, in[Bits*(4*i)+:Bits]} + {2'd0, in[Bits*(4*i+1)+:Bits]}) +
              ({2'd0, in[Bits*(4*i+2)+:Bits]} + {2'd0, in[Bits*(4*i+3)+:Bits]});
        end
      end
    end
  end

  assign sum_o = g_level[Levels-1].sum_q;

endmodule
