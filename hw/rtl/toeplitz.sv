// The Toeplitz hash of up to 36 bytes, under either of two keys. The hash is linear over xor, so every
// nibble adds a share that depends on its value and its place alone: the shares lie in one small RAM
// per nibble, for both keys. Two cycles, one hash per cycle.
module toeplitz (
  input  logic         clk_i,
  input  logic         valid_i,
  input  logic         bank_i,          // which key
  input  logic [287:0] data_i,          // the first byte in the upper bits; what is not hashed is 0
  output logic [31:0]  hash_o,          // two cycles after valid_i; stays until the next
  // Writes one share.
  input  logic         write_i,
  input  logic         write_bank_i,
  input  logic [6:0]   write_nibble_i,  // its place, 0-71
  input  logic [3:0]   write_value_i,   // its value
  input  logic [31:0]  write_share_i
);

  localparam int unsigned Nibbles = 72;

  logic [Nibbles*32-1:0] shares;
  logic                  valid_q;

  for (genvar i = 0; i < Nibbles; i++) begin : g_nibble
    ram_1r1w #(
      .Width(32),
      .Depth(32)
    ) u_shares (
      .clk_i,
      .write_i(write_i && write_nibble_i == 7'(i)),
      .waddr_i({write_bank_i, write_value_i}),
      .wdata_i(write_share_i),
      .read_i (valid_i),
      .raddr_i({bank_i, data_i[287-4*i-:4]}),
      .rdata_o(shares[32*i+:32])
    );
  end

  logic [31:0] hash_d;

  always_comb begin
    hash_d = '0;
    if (valid_q) begin
      for (int i = 0; i < Nibbles; i++) hash_d = hash_d ^ shares[32*i+:32];
    end
  end

  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    if (valid_q) hash_o <= hash_d;
  end

endmodule
