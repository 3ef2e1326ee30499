// Hands out free cells and takes them back. After reset cells come in order; later those that came
// back longest ago. One of each per cycle.
module cell_allocator #(
  parameter int unsigned Cells = 9216  // at most 2^CellBits
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  output logic               valid_o,        // there is a free cell
  output farrier_pkg::cell_t cell_o,         // the next one
  input  logic               take_i,         // only if valid_o
  input  logic               free_a_i,       // always taken
  input  farrier_pkg::cell_t free_a_cell_i,
  input  logic               free_b_i,       // taken when free_b_ready_o
  input  farrier_pkg::cell_t free_b_cell_i,
  output logic               free_b_ready_o,
  output logic [farrier_pkg::CellBits:0] cells_o // free ones
);

  if (Cells < 1 || Cells > (1 << farrier_pkg::CellBits)) begin : g_check
    $error("cell_allocator: Cells must fit a cell number");
  end

  localparam int unsigned Places = 1 << ((Cells > 2) ? $clog2(Cells) : 1);
  localparam logic [farrier_pkg::CellBits:0] Fresh = Cells[farrier_pkg::CellBits:0];

  logic [farrier_pkg::CellBits:0] fresh_q;      // the next cell never handed out
  logic [farrier_pkg::CellBits:0] cells_q;
  logic                          fresh, returned_valid, push, full;
  farrier_pkg::cell_t            returned;
  logic [$clog2(Places):0]       level;

  assign fresh          = fresh_q != Fresh;
  assign valid_o        = fresh || returned_valid;
  assign cell_o         = fresh ? fresh_q[farrier_pkg::CellBits-1:0] : returned;
  assign free_b_ready_o = !free_a_i;
  assign push           = free_a_i || free_b_i;
  assign cells_o        = cells_q;

  fifo #(
    .Width(farrier_pkg::CellBits),
    .Depth(Places)
  ) u_returned (
    .clk_i,
    .rst_ni,
    .push_i (push),
    .data_i (free_a_i ? free_a_cell_i : free_b_cell_i),
    .full_o (full),
    .valid_o(returned_valid),
    .data_o (returned),
    .pop_i  (take_i && !fresh),
    .level_o(level)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fresh_q <= '0;
      cells_q <= (farrier_pkg::CellBits + 1)'(Cells);
    end else begin
      if (take_i && fresh) fresh_q <= fresh_q + 1'b1;
      cells_q <= cells_q + {{farrier_pkg::CellBits{1'b0}}, push} -
                 {{farrier_pkg::CellBits{1'b0}}, take_i};
    end
  end

  // There are no more cells than places.
  logic unused;
  assign unused = ^{full, level};

endmodule
