// The allocator of five cells. One cell, any of them, is followed through it.
module cell_allocator_proof (
  input logic               clk_i,
  input logic               take_i,
  input logic               free_a_i,
  input farrier_pkg::cell_t free_a_cell_i,
  input logic               free_b_i,
  input farrier_pkg::cell_t free_b_cell_i
);

  localparam int unsigned Cells = 5;

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  (* anyconst *) farrier_pkg::cell_t followed;

  logic               valid, free_b_ready;
  logic [3:0]         cells;
  farrier_pkg::cell_t cell_number;

  cell_allocator #(
    .Cells(Cells)
  ) u_allocator (
    .clk_i,
    .rst_ni        (started_q),
    .valid_o       (valid),
    .cell_o        (cell_number),
    .take_i,
    .free_a_i,
    .free_a_cell_i,
    .free_b_i,
    .free_b_cell_i,
    .free_b_ready_o(free_b_ready),
    .cells_o       (cells)
  );

  // What is inside, for the induction.
  (* hierconn *) wire [3:0] \u_allocator.fresh_q ;
  (* hierconn *) wire [3:0] \u_allocator.u_returned.write_q ;
  (* hierconn *) wire [3:0] \u_allocator.u_returned.read_q ;
  (* hierconn *) wire       \u_allocator.u_returned.bypass_q ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.bypass_data_q ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.ram_data ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[0] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[1] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[2] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[3] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[4] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[5] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[6] ;
  (* hierconn *) wire [2:0] \u_allocator.u_returned.u_ram.memory[7] ;

  logic       out_q = 1'b0;    // the followed cell has been given out
  logic [3:0] given_q = 4'd0;  // cells that are out
  logic       take_followed, free_followed, freed;
  logic [3:0] level, copies;   // places in the list, and those that hold the followed cell
  logic [23:0] memory;
  logic [2:0] oldest;

  assign take_followed = take_i && cell_number == followed;
  assign freed         = free_a_i || free_b_i;  // b waits when a comes
  assign free_followed = (free_a_i && free_a_cell_i == followed) ||
                         (free_b_i && !free_a_i && free_b_cell_i == followed);
  assign level  = \u_allocator.u_returned.write_q - \u_allocator.u_returned.read_q ;
  assign memory = { \u_allocator.u_returned.u_ram.memory[7] , \u_allocator.u_returned.u_ram.memory[6] ,
                    \u_allocator.u_returned.u_ram.memory[5] , \u_allocator.u_returned.u_ram.memory[4] ,
                    \u_allocator.u_returned.u_ram.memory[3] , \u_allocator.u_returned.u_ram.memory[2] ,
                    \u_allocator.u_returned.u_ram.memory[1] , \u_allocator.u_returned.u_ram.memory[0] };

  always_comb begin
    copies = 4'd0;
    for (int unsigned i = 0; i < 8; i++) begin
      if (3'(i) - \u_allocator.u_returned.read_q [2:0] < level[2:0] || level == 4'd8) begin
        if (memory[3*i+:3] == followed) copies = copies + 4'd1;
      end
    end
    oldest = memory[3* \u_allocator.u_returned.read_q [2:0]+:3];
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      if (take_followed) out_q <= 1'b1;
      else if (free_followed) out_q <= 1'b0;
      given_q <= given_q + {3'd0, take_i} - {3'd0, freed};
    end
  end

  always_comb begin
    assume (followed < Cells);
    if (!started_q) assume (!take_i && !free_a_i && !free_b_i);
    if (!valid) assume (!take_i);
    // Only what is out comes back.
    if (free_followed) assume (out_q);
    if (freed) assume (given_q != 4'd0);
    if (started_q) begin
      if (take_followed) assert (!out_q);
      assert (given_q <= Cells);
      assert (cells == 4'(Cells) - given_q);
      // None is lost: as long as one is in, one is offered.
      assert (valid == (given_q < Cells));
      if (valid) assert (cell_number < Cells || cell_number != followed);

      // Inside: a cell is fresh, out, or once in the list.
      assert (\u_allocator.fresh_q <= 4'd5);
      assert (level <= 4'd5);
      assert (level + given_q == \u_allocator.fresh_q );
      assert (copies == (({1'b0, followed} < \u_allocator.fresh_q && !out_q) ? 4'd1 : 4'd0));
      if (out_q) assert ({1'b0, followed} < \u_allocator.fresh_q );
      if (level != 4'd0 && !\u_allocator.u_returned.bypass_q ) begin
        assert (\u_allocator.u_returned.ram_data == oldest);
      end
      if (\u_allocator.u_returned.bypass_q ) begin
        assert (level == 4'd1 && \u_allocator.u_returned.bypass_data_q == oldest);
      end
      cover (take_followed && \u_allocator.fresh_q == 4'd5);
      cover (given_q == Cells);
      cover (free_b_i && !free_b_ready);
    end
  end

endmodule
