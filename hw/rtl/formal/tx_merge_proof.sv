// The merge of three lanes. One lane, any of them, is watched; its beats carry its number.
module tx_merge_proof (
  input logic           clk_i,
  input logic [2:0]     valid_i,
  input logic [3*4-1:0] mark_i,   // four bits of each lane's beat; the others are 0
  input logic [2:0]     last_i,
  input logic           ready_i
);

  localparam int unsigned Functions = 3;

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  (* anyconst *) logic [1:0] lane;

  logic [2:0]   ready;
  logic         valid, last;
  logic [511:0] data;
  logic [63:0]  keep;
  logic [1:0]   func;

  tx_merge #(
    .Functions(Functions)
  ) u_merge (
    .clk_i,
    .rst_ni     (started_q),
    .h2c_valid_i(valid_i),
    .h2c_data_i ({508'd0, mark_i[11:8], 508'd0, mark_i[7:4], 508'd0, mark_i[3:0]}),
    .h2c_keep_i ('1),
    .h2c_last_i (last_i),
    .h2c_size_i ('0),
    .h2c_ready_o(ready),
    .valid_o    (valid),
    .data_o     (data),
    .keep_o     (keep),
    .last_o     (last),
    .func_o     (func),
    .size_o     (),
    .ready_i
  );

  logic       taken, given;
  logic       inside_q = 1'b0;          // a packet has begun and not ended
  logic [1:0] func_q;                   // its lane
  logic [3:0] others_q = 4'd0;          // packets of others begun while the lane waits to begin one
  logic       lane_inside_q = 1'b0;

  assign taken = valid_i[lane] && ready[lane];
  assign given = valid && ready_i;

  always_ff @(posedge clk_i) begin
    if (started_q) begin
      if (given) inside_q <= !last;
      if (taken) lane_inside_q <= !last_i[lane];
      if (!valid_i[lane] || taken) others_q <= 4'd0;
      else if (given && !inside_q && func != lane) others_q <= others_q + 4'd1;
    end
    if (given) func_q <= func;
  end

  // What is inside, for the induction.
  (* hierconn *) wire       \u_merge.busy_q ;
  (* hierconn *) wire [1:0] \u_merge.lane_q ;

  // A lane's beat stays until it is taken.
  logic [2:0]       wait_q = 3'd0, wait_last_q;
  logic [3*4-1:0] wait_data_q;

  always_ff @(posedge clk_i) begin
    if (started_q) wait_q <= valid_i & ~ready;
    wait_last_q <= last_i;
    wait_data_q <= mark_i;
  end

  always_comb begin
    for (int unsigned i = 0; i < Functions; i++) begin
      if (wait_q[i]) begin
        assume (valid_i[i] && last_i[i] == wait_last_q[i]);
        assume (mark_i[4*i+:4] == wait_data_q[4*i+:4]);
      end
    end
    assume (lane < Functions);
    if (!started_q) assume (valid_i == 3'd0);

    if (started_q) begin
      // A beat that leaves is one lane's, as it is, and that lane's only.
      if (given) assert (ready[func] && valid_i[func]);
      if (given && func == lane) begin
        assert (taken);
        assert (data[3:0] == mark_i[4*lane+:4] && last == last_i[lane]);
      end
      if (taken) assert (given && func == lane);
      assert ((ready & (ready - 3'd1)) == 3'd0);
      // A packet once begun is not mixed with another.
      if (inside_q && valid) assert (func == func_q);
      if (inside_q && lane != func_q) assert (!ready[lane]);
      // No turn is missed: nobody waits while nothing is done.
      if (valid_i[lane] && !inside_q) assert (valid);
      // Round robin: at most one packet of each other lane goes first.
      assert (others_q < Functions);

      // Inside.
      assert (inside_q == \u_merge.busy_q );
      assert (\u_merge.lane_q < Functions);
      if (inside_q) assert (func_q == \u_merge.lane_q );
      // Lanes whose turn comes before this one's, counted from the one served last.
      if (others_q != 4'd0) begin
        assert ({2'd0, others_q[1:0]} + {2'd0, turns(lane, \u_merge.lane_q )} <= 4'd3 && others_q < 4'd4);
      end
      cover (others_q == 4'd2);
      cover (inside_q && func_q != lane && valid_i[lane]);
      cover (taken && lane_inside_q && last_i[lane]);
    end
  end

  // How many lanes after `served` it is `lane`'s turn: 1 to 3.
  function automatic logic [1:0] turns(logic [1:0] mine, logic [1:0] served);
    turns = (mine > served) ? mine - served : mine + 2'd3 - served;
  endfunction

  logic unused;
  assign unused = ^{bytes, data[511:4]};

endmodule
