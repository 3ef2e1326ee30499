// The lowest bit that is set, in few levels of logic: x & -x, then an encoder.
module lowest_set #(
  parameter int unsigned Width = 64,  // at least 2
  localparam int unsigned IndexBits = $clog2(Width)
) (
  input  logic [Width-1:0]     bits_i,
  output logic                 any_o,
  output logic [Width-1:0]     one_o,    // that bit alone
  output logic [IndexBits-1:0] index_o   // its place; 0 if there is none
);

  assign any_o = |bits_i;
  assign one_o = bits_i & (~bits_i + {{Width - 1{1'b0}}, 1'b1});

  always_comb begin
    index_o = '0;
    for (int unsigned i = 0; i < Width; i++) begin
      index_o = index_o | (one_o[i] ? IndexBits'(i) : {IndexBits{1'b0}});
    end
  end

endmodule
