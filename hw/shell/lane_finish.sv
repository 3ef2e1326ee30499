// A lane to the shell that always ends what it began: a packet cut off by the card's reset is continued with
// zeros to the length that was announced with its first beat. A packet of another length is
// fatal to the shell's QDMA, and one without an end would glue itself to the next.
module lane_finish (
  input  logic        clk_i,
  input  logic        rst_ni,
  // From the card; everything 0 while valid_i is 0.
  input  logic        valid_i,
  input  logic [63:0] keep_i,
  input  logic        last_i,
  input  logic [15:0] size_i,   // bytes, with every beat
  output logic        ready_o,
  // To the shell. Data pass beside this module.
  output logic        valid_o,
  output logic [63:0] keep_o,
  output logic        last_o,
  output logic [15:0] size_o,
  input  logic        ready_i
);

  // Not reset, so as to be there when the card is.
  logic        inside_q = 1'b0;
  logic        finishing_q = 1'b0;
  logic [15:0] size_q;
  logic [9:0]  left_q;  // beats after the one that was taken last
  logic        last;

  assign last    = left_q == 10'd1;
  assign ready_o = ready_i && !finishing_q;
  assign valid_o = finishing_q || valid_i;
  assign last_o  = finishing_q ? last : last_i;
  assign size_o  = finishing_q ? size_q : size_i;

  always_comb begin
    keep_o = keep_i;
    if (finishing_q) begin
      keep_o = '1;
      if (last && size_q[5:0] != 6'd0) keep_o = (64'd1 << size_q[5:0]) - 64'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_o && ready_i) begin
      inside_q <= !last_o;
      left_q   <= inside_q ? left_q - 10'd1 : 10'((17'(size_i) + 17'd63) >> 6) - 10'd1;
      if (!inside_q) size_q <= size_i;
    end
    if (!rst_ni) finishing_q <= (valid_o && ready_i) ? !last_o : inside_q;
    else if (ready_i && last) finishing_q <= 1'b0;
  end

endmodule
