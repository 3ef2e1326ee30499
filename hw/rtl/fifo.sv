// First in, first out, in a RAM, with the oldest entry shown ahead: what is pushed in one cycle can
// be popped in the next. Takes and gives one entry per cycle. Where entries wait for longer anyway, `Waits`
// shows those that come into an empty queue a cycle later, and saves the way around the RAM.
module fifo #(
  parameter int unsigned Width = 8,
  parameter int unsigned Depth = 16,  // a power of two
  parameter bit Waits = 1'b0,
  localparam int unsigned AddressBits = $clog2(Depth)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 push_i,   // only if not full_o
  input  logic [Width-1:0]     data_i,
  output logic                 full_o,
  output logic                 valid_o,  // data_o is the oldest entry
  output logic [Width-1:0]     data_o,
  input  logic                 pop_i,    // only if valid_o
  output logic [AddressBits:0] level_o   // entries
);

  if (Depth < 2 || (Depth & (Depth - 1)) != 0) begin : g_check
    $error("fifo: Depth must be a power of two");
  end

  logic [AddressBits:0] write_q, read_q, read_d;
  logic                 bypass_q;
  logic [Width-1:0]     bypass_data_q, ram_data;

  assign read_d  = read_q + {{AddressBits{1'b0}}, pop_i};
  assign level_o = write_q - read_q;
  assign valid_o = write_q != read_q && !(Waits && bypass_q);
  assign full_o  = level_o[AddressBits];
  assign data_o  = (bypass_q && !Waits) ? bypass_data_q : ram_data;

  ram_1r1w #(
    .Width(Width),
    .Depth(Depth)
  ) u_ram (
    .clk_i,
    .write_i(push_i),
    .waddr_i(write_q[AddressBits-1:0]),
    .wdata_i(data_i),
    .read_i (pop_i || bypass_q),
    .raddr_i(read_d[AddressBits-1:0]),
    .rdata_o(ram_data)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q  <= '0;
      read_q   <= '0;
      bypass_q <= 1'b0;
    end else begin
      if (push_i) write_q <= write_q + 1'b1;
      read_q <= read_d;
      // The RAM cannot show an entry in the cycle after it was written.
      bypass_q <= push_i && write_q == read_d;
    end
    if (!Waits && push_i && write_q == read_d) bypass_data_q <= data_i;
  end

endmodule
