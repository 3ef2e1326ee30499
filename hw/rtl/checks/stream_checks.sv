// What must hold at a stream out of the card.
module stream_checks (
  input logic         clk_i,
  input logic         rst_ni,
  input logic         valid_i,
  input logic [511:0] data_i,
  input logic [63:0]  keep_i,
  input logic         last_i,
  input logic [15:0]  size_i,
  input logic         ready_i,
  input logic         gaps_i   // there may be bubbles within a packet
);

  logic        inside_q, ended_q;
  logic [15:0] bytes_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      inside_q <= 1'b0;
      ended_q  <= 1'b0;
      bytes_q  <= '0;
    end else begin
      ended_q <= valid_i && ready_i && last_i;
      if (valid_i && ready_i) begin
        inside_q <= !last_i;
        bytes_q  <= last_i ? 16'd0 : bytes_q + 16'd64;
      end
    end
  end

  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   valid_i && !ready_i |=> valid_i && $stable(data_i) && $stable(keep_i) &&
                                           $stable(last_i) && $stable(size_i))
    else $error("stream: a beat changed while it waited");
  assert property (@(posedge clk_i) disable iff (!rst_ni) inside_q && !gaps_i |-> valid_i)
    else $error("stream: a bubble within a packet");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !valid_i |-> data_i == '0 && !last_i)
    else $error("stream: not zero when not valid");
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_i && !last_i |-> keep_i == '1)
    else $error("stream: a beat that is not full within a packet");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   valid_i |-> keep_i[0] && (keep_i & (keep_i + 64'd1)) == '0)
    else $error("stream: tkeep is not contiguous");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   valid_i && last_i |-> {16'd0, bytes_q} + $countones(keep_i) == {16'd0, size_i})
    else $error("stream: the size is not what tkeep says");
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid_i && inside_q |-> size_i > bytes_q)
    else $error("stream: longer than its size");

  cover property (@(posedge clk_i) rst_ni && valid_i && !ready_i);
  cover property (@(posedge clk_i) rst_ni && valid_i && ready_i && last_i && !inside_q);  // one beat
  cover property (@(posedge clk_i) rst_ni && valid_i && last_i && keep_i == 64'd1);
  cover property (@(posedge clk_i) rst_ni && valid_i && last_i && keep_i == '1);
  cover property (@(posedge clk_i) rst_ni && ended_q && valid_i);                         // back to back

endmodule
