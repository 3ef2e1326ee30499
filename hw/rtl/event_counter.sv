// A 64-bit counter for each of some kinds of events: an addition per cycle, and a reading at any time. An
// addition is in the reading from three cycles on.
module event_counter #(
  parameter int unsigned Events = 256,
  parameter int unsigned AmountBits = 1,
  localparam int unsigned EventBits = $clog2(Events)
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  clear_i,        // after reset: counter clear_event_i becomes 0
  input  logic [EventBits-1:0]  clear_event_i,
  input  logic                  add_i,
  input  logic [EventBits-1:0]  event_i,
  input  logic [AmountBits-1:0] amount_i,
  input  logic                  read_i,
  input  logic [EventBits-1:0]  read_event_i,
  output logic [63:0]           value_o         // in the cycle after read_i; stays
);

  logic                add_q, added_q, write;
  logic [EventBits-1:0] event_q, added_event_q, write_event;
  logic [AmountBits-1:0] amount_q;
  logic [63:0]         stored, sum, added_value_q, write_value;

  assign sum = ((added_q && added_event_q == event_q) ? added_value_q : stored) +
               {{64 - AmountBits{1'b0}}, amount_q};
  assign write       = clear_i || add_q;
  assign write_event = clear_i ? clear_event_i : event_q;
  assign write_value = clear_i ? 64'd0 : sum;

  ram_1r1w #(
    .Width(64),
    .Depth(Events)
  ) u_sum (
    .clk_i,
    .write_i(write),
    .waddr_i(write_event),
    .wdata_i(write_value),
    .read_i (add_i),
    .raddr_i(event_i),
    .rdata_o(stored)
  );

  // A second copy, so that reading needs no gap between additions.
  ram_1r1w #(
    .Width(64),
    .Depth(Events)
  ) u_read (
    .clk_i,
    .write_i(write),
    .waddr_i(write_event),
    .wdata_i(write_value),
    .read_i,
    .raddr_i(read_event_i),
    .rdata_o(value_o)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      add_q   <= 1'b0;
      added_q <= 1'b0;
    end else begin
      add_q   <= add_i;
      added_q <= add_q;
    end
    if (add_i) begin
      event_q  <= event_i;
      amount_q <= amount_i;
    end
    if (add_q) begin
      added_event_q <= event_q;
      added_value_q <= sum;
    end
  end

endmodule
