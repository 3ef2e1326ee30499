// The one RAM of this design: one write port, one read port with a clock's latency. Reading the
// address that is written in the same cycle gives what was there before. Contents are undefined
// until written.
module ram_1r1w #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,
  // verilator lint_off UNUSEDPARAM
  parameter Style = "auto",  // for synthesis: the kind of RAM; "ultra" where block RAM is too dear
  // verilator lint_on UNUSEDPARAM
  localparam int unsigned AddressBits = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  logic                   clk_i,
  input  logic                   write_i,   // store wdata_i at waddr_i
  input  logic [AddressBits-1:0] waddr_i,
  input  logic [Width-1:0]       wdata_i,
  input  logic                   read_i,    // load rdata_o; it stays until the next load
  input  logic [AddressBits-1:0] raddr_i,
  output logic [Width-1:0]       rdata_o
);

  (* ram_style = Style *) logic [Width-1:0] memory[Depth];

  // The write blocks, behind the read and seen by nobody else: simulators then keep no copy of it until the
  // cycle's end, for each of the card's hundreds of RAMs.
  always_ff @(posedge clk_i) begin
    if (read_i) rdata_o <= memory[raddr_i];
    // verilator lint_off BLKSEQ
    if (write_i) memory[waddr_i] = wdata_i;
    // verilator lint_on BLKSEQ
  end

endmodule
