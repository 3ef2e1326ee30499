// The FIFO of four entries: one push, chosen freely, is followed to its pop.
module fifo_proof #(
  parameter bit Waits = 1'b0
) (
  input logic       clk_i,
  input logic       push_i,
  input logic       pop_i,
  input logic [1:0] data_i,
  input logic       choose_i  // follow this push
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  logic       full, valid;
  logic [1:0] data;
  logic [2:0] level;

  fifo #(
    .Width(2),
    .Depth(4),
    .Waits(Waits)
  ) u_fifo (
    .clk_i,
    .rst_ni (started_q),
    .push_i,
    .data_i,
    .full_o (full),
    .valid_o(valid),
    .data_o (data),
    .pop_i,
    .level_o(level)
  );

  // What is inside, for the induction.
  (* hierconn *) wire [2:0] \u_fifo.write_q ;
  (* hierconn *) wire [2:0] \u_fifo.read_q ;
  (* hierconn *) wire       \u_fifo.bypass_q ;
  (* hierconn *) wire [1:0] \u_fifo.ram_data ;
  (* hierconn *) wire [1:0] \u_fifo.u_ram.memory[0] ;
  (* hierconn *) wire [1:0] \u_fifo.u_ram.memory[1] ;
  (* hierconn *) wire [1:0] \u_fifo.u_ram.memory[2] ;
  (* hierconn *) wire [1:0] \u_fifo.u_ram.memory[3] ;

  logic       followed_q = 1'b0;  // somewhere inside
  logic       done_q = 1'b0;
  logic [1:0] value_q;
  logic [2:0] ahead_q;            // entries ahead of it
  logic [2:0] count_q = 3'd0;     // pushed and not popped
  logic [1:0] place;
  logic [1:0] stored;

  assign place = \u_fifo.read_q [1:0] + ahead_q[1:0];

  always_comb begin
    unique case (place)
      2'd0: stored = \u_fifo.u_ram.memory[0] ;
      2'd1: stored = \u_fifo.u_ram.memory[1] ;
      2'd2: stored = \u_fifo.u_ram.memory[2] ;
      default: stored = \u_fifo.u_ram.memory[3] ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      count_q <= count_q + {2'd0, push_i} - {2'd0, pop_i};
      if (followed_q && pop_i) ahead_q <= ahead_q - 3'd1;
      if (followed_q && pop_i && ahead_q == 3'd0) begin
        followed_q <= 1'b0;
        done_q     <= 1'b1;
      end
      if (push_i && choose_i && !followed_q && !done_q) begin
        followed_q <= 1'b1;
        value_q    <= data_i;
        ahead_q    <= count_q - {2'd0, pop_i};
      end
    end
  end

  always_comb begin
    if (!started_q) assume (!push_i && !pop_i);
    // Who uses it keeps its rules.
    if (full) assume (!push_i);
    if (!valid) assume (!pop_i);
    if (started_q) begin
      assert (level == count_q);
      assert (count_q <= 3'd4);
      assert (full == (count_q == 3'd4));
      assert (valid == (count_q != 3'd0 && !(Waits && \u_fifo.bypass_q )));
      if (followed_q) begin
        assert (ahead_q < count_q);
        if (ahead_q == 3'd0 && valid) assert (data == value_q);
        assert (stored == value_q);
      end
      // What is shown is what the RAM holds.
      assert (level == \u_fifo.write_q - \u_fifo.read_q );
      if (\u_fifo.bypass_q ) assert (count_q == 3'd1);
      if (followed_q && ahead_q == 3'd0 && !\u_fifo.bypass_q ) begin
        assert (\u_fifo.ram_data == value_q);
      end
      cover (full && followed_q && pop_i);
      cover (done_q && ahead_q == 3'd7 && count_q == 3'd0);
    end
  end

endmodule
