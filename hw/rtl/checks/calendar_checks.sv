// What should be seen at the calendar, bound to it.
module calendar_checks #(
  parameter int unsigned SlotBits = 12,
  parameter int unsigned TimeBits = 58,
  parameter int unsigned WordTimeBits = 52
) (
  input logic                    clk_i,
  input logic                    rst_ni,
  input logic [TimeBits-1:0]     now_i,
  input logic [TimeBits-1:0]     now_q,
  input logic [TimeBits-1:0]     position_q,
  input logic [1:0]              state_q,
  input logic                    insert,
  input logic                    insert_i,
  input logic                    insert_ready_o,
  input logic                    insert_now_i,
  input logic                    early,
  input logic                    late,
  input logic                    in_current,
  input logic [WordTimeBits-1:0] wanted_word,
  input logic [WordTimeBits-1:0] word,
  input logic                    occupied,
  input logic                    linking_q,
  input logic                    conflict,
  input logic                    move,
  input logic                    goal_load_q,
  input logic                    due,
  input logic                    list_room,
  input logic                    taken_q,
  input logic                    joined_q,
  input logic                    began_q,
  input logic                    due_o,
  input logic                    due_ready_i,
  input logic                    last,
  input logic                    idle_o
);

  assert property (@(posedge clk_i) disable iff (!rst_ni) position_q <= now_q)
    else $error("calendar: the drain pointer is ahead of time");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   due_o && !due_ready_i |=> due_o && $stable(last))
    else $error("calendar: what is due was withdrawn");

  fsm_arcs #(
    .States(3),  // Pick, Move, Load
    .Arcs  (9'b001_101_010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  logic [TimeBits-1:0] jump;
  logic [TimeBits-1:0] now_before_q;

  assign jump = now_i - now_before_q;
  always_ff @(posedge clk_i) now_before_q <= now_i;

  // When.
  cover property (@(posedge clk_i) rst_ni && insert && insert_now_i);
  cover property (@(posedge clk_i) rst_ni && insert && !insert_now_i && early);       // past
  cover property (@(posedge clk_i) rst_ni && insert && late);                         // clamped
  cover property (@(posedge clk_i) rst_ni && insert && !early && !late && !in_current);
  cover property (@(posedge clk_i) rst_ni && insert && !early && !late && in_current);
  cover property (@(posedge clk_i) rst_ni && insert && early && wanted_word < word);
  cover property (@(posedge clk_i) rst_ni && linking_q && occupied);    // behind another
  cover property (@(posedge clk_i) rst_ni && linking_q && !occupied);   // the first of its slot
  // Time goes on by a slot, by many, by more than the ring.
  cover property (@(posedge clk_i) rst_ni && jump == 1);
  cover property (@(posedge clk_i) rst_ni && jump > 100);
  cover property (@(posedge clk_i) rst_ni && jump > (1 << SlotBits));
  // Moves.
  cover property (@(posedge clk_i) rst_ni && move && goal_load_q);
  cover property (@(posedge clk_i) rst_ni && move && !goal_load_q);
  cover property (@(posedge clk_i) rst_ni && move && insert);
  cover property (@(posedge clk_i) rst_ni && state_q == 2'd1 && conflict);
  cover property (@(posedge clk_i) rst_ni && insert_i && !insert_ready_o);
  // Out.
  cover property (@(posedge clk_i) rst_ni && due && !list_room);
  cover property (@(posedge clk_i) rst_ni && taken_q && joined_q && !began_q);
  cover property (@(posedge clk_i) rst_ni && taken_q && began_q);
  cover property (@(posedge clk_i) rst_ni && due_o && due_ready_i && !last);
  cover property (@(posedge clk_i) rst_ni && due_o && !due_ready_i);
  cover property (@(posedge clk_i) rst_ni && insert && due_o && due_ready_i);  // one in, one out
  cover property (@(posedge clk_i) rst_ni && idle_o && position_q == now_q);

endmodule

bind calendar calendar_checks #(
  .SlotBits(SlotBits), .TimeBits(TimeBits), .WordTimeBits(WordTimeBits)
) u_checks (.*);
