// The bytes of packets, by cell and beat. A register on either side of a large RAM: what is written can
// be read from the second cycle after, and is there two cycles after the question.
module packet_memory #(
  parameter int unsigned Cells = 9216
) (
  input  logic                             clk_i,
  input  logic                             write_i,
  input  logic [farrier_pkg::CellBits+2:0] write_address_i,
  input  logic [511:0]                     write_data_i,
  input  logic                             read_i,
  input  logic [farrier_pkg::CellBits+2:0] read_address_i,
  output logic [511:0]                     read_data_o
);

  localparam int unsigned AddressBits = $clog2(8 * Cells);

  logic                   write_q;
  logic [AddressBits-1:0] write_address_q;
  logic [511:0]           write_data_q, ram_data;

  ram_1r1w #(
    .Width(512),
    .Depth(8 * Cells)
  ) u_ram (
    .clk_i,
    .write_i(write_q),
    .waddr_i(write_address_q),
    .wdata_i(write_data_q),
    .read_i,
    .raddr_i(read_address_i[AddressBits-1:0]),
    .rdata_o(ram_data)
  );

  always_ff @(posedge clk_i) begin
    write_q         <= write_i;
    write_address_q <= write_address_i[AddressBits-1:0];
    write_data_q    <= write_data_i;
    read_data_o     <= ram_data;
  end

  // Cell numbers go up to Cells.
  logic unused;
  assign unused = ^{write_address_i, read_address_i};

endmodule
