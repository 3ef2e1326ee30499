// A lane from the shell, opened between two packets: while the card is in reset, and then up to the end of a
// packet that was passing, everything is swallowed. The lane never stalls meanwhile: all functions
// share the shell's H2C stream.
module lane_gate (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic valid_i,  // a beat from the shell
  input  logic last_i,
  output logic ready_o,
  output logic valid_o,  // the same beat, if the card may see it
  input  logic ready_i
);

  // Not reset: packets pass whether the card is in reset or not.
  logic inside_q = 1'b0;
  logic inside_d, open_q;

  assign ready_o  = !open_q || ready_i;
  assign valid_o  = open_q && valid_i;
  assign inside_d = (valid_i && ready_o) ? !last_i : inside_q;

  always_ff @(posedge clk_i) begin
    inside_q <= inside_d;
    if (!rst_ni) open_q <= 1'b0;
    else if (!inside_d) open_q <= 1'b1;
  end

endmodule
