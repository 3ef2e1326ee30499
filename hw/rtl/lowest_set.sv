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

  for (genvar k = 0; k < IndexBits; k++) begin : g_index
    logic [Width-1:0] with_bit;  // places whose number has bit k

    for (genvar i = 0; i < Width; i++) begin : g_place
      assign with_bit[i] = ((i >> k) & 1) != 0;
    end
    assign index_o[k] = |(one_o & with_bit);
  end

endmodule
