// The hosts' signs of life: HEARTBEAT_US and HEARTBEAT of each function. A function whose host has been
// silent for too long has missed: then all owners are walked over, so that those attached to it are held.
module heartbeat #(
  parameter int unsigned Functions = 2
) (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  input  logic [63:0]                  time_i,        // ns
  // Software.
  input  logic                         block_valid_i, // held until done
  input  farrier_pkg::block_request_t  block_i,
  output farrier_pkg::block_response_t block_o,
  // The walk: valid from the miss on, until all owners are done.
  output logic                         miss_valid_o,
  output logic [1:0]                   miss_func_o,
  output farrier_pkg::owner_t          miss_owner_o,
  input  logic                         miss_done_i,   // this owner is done
  // For whoever runs the clock.
  output logic [63:0]                  wake_o         // ns: the next miss, unless there is a beat; all ones = none
);

  // Registers. A beat takes three cycles: its function's limit, in ns, the deadline.
  typedef enum logic [1:0] {
    StateIdle,
    StateScale,
    StateArm
  } state_e;

  state_e                   state_q;
  logic [Functions*32-1:0]  limit_us_q;
  logic [Functions*64-1:0]  deadline_q;
  logic [Functions-1:0]     armed_q, missed;
  logic [31:0]              limit_q;
  logic [41:0]              limit_ns_q;
  logic                     is_limit, is_beat;
  logic [1:0]               index;

  always_comb begin
    index    = block_i.address[3:2];
    is_limit = {block_i.address[19:4], 4'd0} == farrier_regs_pkg::RegHeartbeatUs;
    is_beat  = {block_i.address[19:4], 4'd0} == farrier_regs_pkg::RegHeartbeat && block_i.write;
    block_o.bad  = !(is_limit || is_beat) || {30'd0, index} >= Functions;
    block_o.done = block_valid_i && (block_o.bad || is_limit || state_q == StateArm);
    block_o.data = '0;
    for (int unsigned f = 0; f < Functions; f++) begin
      if (is_limit && index == 2'(f)) block_o.data = limit_us_q[32*f+:32];
    end
  end

  always_comb begin
    wake_o = '1;
    for (int unsigned f = 0; f < Functions; f++) begin
      missed[f] = armed_q[f] && time_i > deadline_q[64*f+:64];
      if (armed_q[f] && deadline_q[64*f+:64] < wake_o) wake_o = deadline_q[64*f+:64] + 64'd1;
    end
  end

  // The walk, of one function after the other.
  logic [3:0]          pending_q;
  farrier_pkg::owner_t owner_q;

  always_comb begin
    miss_valid_o = pending_q != '0;
    miss_owner_o = owner_q;
    miss_func_o  = 2'd3;
    for (int f = 2; f >= 0; f--) begin
      if (pending_q[f]) miss_func_o = 2'(f);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q    <= StateIdle;
      armed_q    <= '0;
      limit_us_q <= '0;
      pending_q  <= '0;
      owner_q    <= '0;
    end else begin
      unique case (state_q)
        StateIdle: if (block_valid_i && is_beat && !block_o.bad) state_q <= StateScale;
        StateScale: state_q <= StateArm;
        default: state_q <= StateIdle;
      endcase

      if (miss_done_i) begin
        owner_q <= owner_q + 8'd1;
        if (owner_q == '1) pending_q[miss_func_o] <= 1'b0;
      end
      for (int unsigned f = 0; f < Functions; f++) begin
        if (missed[f]) begin
          armed_q[f]   <= 1'b0;
          pending_q[f] <= 1'b1;
        end
        if (index == 2'(f)) begin
          if (block_valid_i && block_i.write && is_limit) begin
            limit_us_q[32*f+:32] <= block_i.data;
            armed_q[f]           <= 1'b0;
          end
          if (state_q == StateArm) begin
            deadline_q[64*f+:64] <= time_i + {22'd0, limit_ns_q};
            armed_q[f]           <= limit_ns_q != '0;
          end
        end
      end
    end
    for (int unsigned f = 0; f < Functions; f++) begin
      if (index == 2'(f)) limit_q <= limit_us_q[32*f+:32];
    end
    limit_ns_q <= 42'(limit_q) * 42'd1000;
  end

endmodule
