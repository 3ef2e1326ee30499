// The Toeplitz hash of up to 36 bytes, under either of two keys. The hash is linear over xor, so every
// byte adds a share that depends on its value and its place alone: the shares lie in one RAM per byte, for
// both keys. Two cycles, one hash per cycle.
module toeplitz (
  input  logic         clk_i,
  input  logic         valid_i,
  input  logic         bank_i,          // which key
  input  logic [287:0] data_i,          // the first byte in the upper bits; what is not hashed is 0
  output logic [31:0]  hash_o,          // two cycles after valid_i; stays until the next
  // Writes one share.
  input  logic         write_i,
  input  logic         write_bank_i,
  input  logic [5:0]   write_byte_i,    // its place, 0-35
  input  logic [7:0]   write_value_i,   // its value
  input  logic [31:0]  write_share_i
);

  // Summed by groups: simulators would copy one vector of all 1,152 bits again and again.
  localparam int unsigned Groups     = 9;
  localparam int unsigned GroupBytes = 4;

  logic [Groups*32-1:0] sums;  // of each group
  logic [31:0]          hash_d;
  logic                 valid_q;

  for (genvar g = 0; g < Groups; g++) begin : g_group
    logic [GroupBytes*32-1:0] shares;
    logic [31:0]                sum;

    for (genvar n = 0; n < GroupBytes; n++) begin : g_byte
      localparam int unsigned Place = g * GroupBytes + n;

      ram_1r1w #(
        .Width(32),
        .Depth(512),
        .Style("block")
      ) u_shares (
        .clk_i,
        .write_i(write_i && write_byte_i == 6'(Place)),
        .waddr_i({write_bank_i, write_value_i}),
        .wdata_i(write_share_i),
        .read_i (valid_i),
        .raddr_i({bank_i, data_i[287-8*Place-:8]}),
        .rdata_o(shares[32*n+:32])
      );
    end

    always_comb begin
      sum = '0;
      if (valid_q) for (int n = 0; n < GroupBytes; n++) sum = sum ^ shares[32*n+:32];
    end

    assign sums[32*g+:32] = sum;
  end

  always_comb begin
    hash_d = '0;
    if (valid_q) for (int g = 0; g < Groups; g++) hash_d = hash_d ^ sums[32*g+:32];
  end

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    if (valid_q) hash_o <= hash_d;
  end

endmodule
