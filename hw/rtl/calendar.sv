// Parks packets until their departure times: a ring of slots, each a linked list, first in, first out.
//
// Time is counted in slots since it began (58 bits for slots of 64 ns) and may jump by any number of
// slots from one cycle to the next, but never back. The drain pointer is the earliest occupied slot, or
// now if none is occupied up to now (it follows time within a few cycles). A ring of `Slots` slots begins
// at the drain pointer:
//   - an insertion for a slot before the drain pointer goes into the drain pointer's slot,
//   - one for a slot beyond the ring into its last slot, with insert_clamped_o,
//   - insert_now_i: into the slot of now.
// Packets come out slot by slot, those of a slot in the order in which they came, none before its slot has
// begun (slot <= now), none twice, none lost. So packets inserted with times that do not decrease are
// never reordered. Each id is in the calendar at most once: it may be inserted again from the
// cycle after it left.
//
// One insertion and one extraction per cycle. insert_ready_o is 1 but for two cycles now and then:
// when insertions before the drain pointer have twice kept it from leaving its word of slots.
//
// Occupancy is a bit per slot, in words, and a bit per word. The word of the drain pointer is in
// current_q; the bits of a slot that is a whole ring ahead in the same word are in the RAM. A RAM word
// counts only if its bit in summary_q is set. When a slot is due its whole list is taken out at once
// and walked behind; a new list may begin in that slot meanwhile. Passing to another word takes two
// steps: search (which, from registers), move (then the word is loaded), and the move is given up
// if an insertion meanwhile went before its goal.
module calendar #(
  parameter int unsigned Slots = 4096,   // a power of two, at least 4
  parameter int unsigned TimeBits = 58,  // of a slot's number
  parameter int unsigned IdBits = 12,    // of a packet's number
  localparam int unsigned SlotBits = $clog2(Slots),
  localparam int unsigned BitBits = SlotBits / 2,        // place within a word
  localparam int unsigned LineBits = SlotBits - BitBits  // word in the ring
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic [TimeBits-1:0] now_i,             // the slot that time is in
  // Insertion: taken if insert_ready_o.
  input  logic                insert_i,
  output logic                insert_ready_o,
  input  logic                insert_now_i,      // into the slot of now
  input  logic [TimeBits-1:0] insert_slot_i,     // else into this one
  input  logic [IdBits-1:0]   insert_id_i,
  output logic                insert_clamped_o,  // with insert_i: it is beyond the ring
  // The packet that is due, oldest first.
  output logic                due_o,
  output logic [IdBits-1:0]   due_id_o,
  input  logic                due_ready_i,       // it is taken
  // For whoever runs the clock.
  output logic                idle_o,            // nothing moves before wake_o or an insertion
  output logic [TimeBits-1:0] wake_o             // slot; all ones = never
);

  localparam int unsigned Bits = 1 << BitBits;
  localparam int unsigned Lines = 1 << LineBits;
  localparam int unsigned WordTimeBits = TimeBits - BitBits;  // of a word's number since time began
  localparam int unsigned ListDepth = 8;

  if (Slots < 4 || (Slots & (Slots - 1)) != 0) begin : g_check
    $error("calendar: Slots must be a power of two of at least 4");
  end
  if (TimeBits < SlotBits + 2) begin : g_check_time
    $error("calendar: TimeBits must exceed the ring's by two");
  end

  logic [TimeBits-1:0]     next_now_q, now_q;
  logic [TimeBits-1:0]     position_q;         // the drain pointer
  logic [Bits-1:0]         current_q;          // of position_q's word
  logic [Bits-1:0]         begun_q;            // slots of that word that have begun at now_q
  logic [Lines-1:0]        summary_q;
  logic [WordTimeBits-1:0] next_now_word, now_word, word;  // of now and of the drain pointer
  logic [LineBits-1:0]     line;
  logic [BitBits-1:0]      now_bit;

  assign next_now_word = next_now_q[TimeBits-1:BitBits];
  assign now_word     = now_q[TimeBits-1:BitBits];
  assign now_bit      = now_q[BitBits-1:0];
  assign word         = position_q[TimeBits-1:BitBits];
  assign line         = word[LineBits-1:0];

  // Insertion, first cycle: which slot.
  logic                    insert, early, late, in_current;
  logic [TimeBits-1:0]     wanted;
  logic [WordTimeBits-1:0] wanted_word;
  logic [TimeBits:0]       ahead;  // of the drain pointer, signed
  logic [SlotBits-1:0]     slot;
  logic [LineBits-1:0]     slot_line;
  logic [BitBits-1:0]      slot_bit;
  logic [Bits-1:0]         slot_one;
  logic [Lines-1:0]        slot_line_one;

  always_comb begin
    insert      = insert_i && insert_ready_o;
    wanted      = insert_now_i ? now_q : insert_slot_i;
    wanted_word = wanted[TimeBits-1:BitBits];
    ahead       = {1'b0, wanted} - {1'b0, position_q};
    early       = ahead[TimeBits];
    late        = !early && ahead[TimeBits-1:SlotBits] != '0;
    in_current  = wanted_word <= word;
    slot        = wanted[SlotBits-1:0];
    if (early) slot = position_q[SlotBits-1:0];
    if (late) slot = position_q[SlotBits-1:0] - {{SlotBits - 1{1'b0}}, 1'b1};
    slot_line     = slot[SlotBits-1:BitBits];
    slot_bit      = slot[BitBits-1:0];
    slot_one      = {{Bits - 1{1'b0}}, 1'b1} << slot_bit;
    slot_line_one = {{Lines - 1{1'b0}}, 1'b1} << slot_line;
    insert_clamped_o = insert_i && late;
  end

  // The drain pointer: pick within the word, or search and move to another.
  logic                    any, due, pick, list_room;
  logic [Bits-1:0]         pick_one, remaining;
  logic [BitBits-1:0]      pick_bit, next_bit;
  logic                    after_any, before_any, found;
  logic [Lines-1:0]        after_one, before_one, after;
  logic [LineBits-1:0]     after_line, before_line;
  logic [WordTimeBits-1:0] found_word;

  lowest_set #(
    .Width(Bits)
  ) u_pick (
    .bits_i (current_q),
    .any_o  (any),
    .one_o  (pick_one),
    .index_o(pick_bit)
  );

  // Words behind the current one; the last is a whole ring ahead.
  assign after = summary_q & (({Lines{1'b1}} << line) << 1);

  lowest_set #(
    .Width(Lines)
  ) u_after (
    .bits_i (after),
    .any_o  (after_any),
    .one_o  (after_one),
    .index_o(after_line)
  );

  lowest_set #(
    .Width(Lines)
  ) u_before (
    .bits_i (summary_q),
    .any_o  (before_any),
    .one_o  (before_one),
    .index_o(before_line)
  );

  typedef enum logic [1:0] {
    StatePick,  // and search, if there is nothing to pick and time is in another word
    StateMove,
    StateLoad   // the word moved to comes out of the RAM
  } state_e;

  state_e                  state_q;
  logic                    goal_load_q;  // the word moved to has packets
  logic [TimeBits-1:0]     goal_q;       // the drain pointer there
  logic [WordTimeBits-1:0] goal_word;
  logic                    search, conflict, move, kept_q, blocked_q;
  // Insertion, second cycle: links.
  logic                    linking_q, linking_current_q, linking_late_q;
  logic                    occupied;
  logic [Bits-1:0]         linking_before_q;   // the current word and the summary without it
  logic [Lines-1:0]        linking_summary_q;
  logic [WordTimeBits-1:0] linking_word_q;
  logic [SlotBits-1:0]     linking_slot_q;
  logic [IdBits-1:0]       linking_id_q;

  function automatic logic reaches(logic [WordTimeBits-1:0] at, logic [WordTimeBits-1:0] goal,
                                   logic load);
    // An insertion that the move would leave behind, or that changes where it should go.
    reaches = load ? at < goal : at <= goal;
  endfunction

  always_comb begin
    found      = before_any;
    found_word = after_any
        ? {word[WordTimeBits-1:LineBits], after_line}
        : {word[WordTimeBits-1:LineBits] + {{WordTimeBits - LineBits - 1{1'b0}}, 1'b1}, before_line};

    due       = (current_q & begun_q) != '0;
    pick      = state_q == StatePick && due && list_room;
    remaining = pick ? current_q & ~pick_one : current_q;
    // The earliest slot that is occupied, else now.
    next_bit  = due ? pick_bit : now_bit;
    if (insert && in_current && slot_bit < next_bit) next_bit = slot_bit;

    search    = state_q == StatePick && !any && word != now_word;
    goal_word = goal_q[TimeBits-1:BitBits];
    conflict  = (insert && (late || reaches(wanted_word, goal_word, goal_load_q))) ||
                (linking_q && (linking_late_q ||
                               reaches(linking_word_q, goal_word, goal_load_q)));
    move      = state_q == StateMove && !conflict;
    insert_ready_o = !(blocked_q && !any && (search || state_q == StateMove));
  end

  // Words that are not current. A word written in the last cycle comes from a register.
  logic                word_write, written_q;
  logic [Bits-1:0]     word_stored, word_loaded, word_old, word_new, written_data_q, load_word;
  logic [LineBits-1:0] linking_line, written_line_q, load_line;

  assign linking_line = linking_slot_q[SlotBits-1:BitBits];
  assign load_line    = goal_word[LineBits-1:0];

  ram_1r1w #(
    .Width(Bits),
    .Depth(Lines)
  ) u_words_insert (
    .clk_i,
    .write_i(word_write),
    .waddr_i(linking_line),
    .wdata_i(word_new),
    .read_i (insert),
    .raddr_i(slot_line),
    .rdata_o(word_stored)
  );

  ram_1r1w #(
    .Width(Bits),
    .Depth(Lines)
  ) u_words_load (
    .clk_i,
    .write_i(word_write),
    .waddr_i(linking_line),
    .wdata_i(word_new),
    .read_i (move),
    .raddr_i(load_line),
    .rdata_o(word_loaded)
  );

  always_comb begin
    word_old = (written_q && written_line_q == linking_line) ? written_data_q : word_stored;
    if (!linking_summary_q[linking_line]) word_old = '0;
    word_new   = word_old | ({{Bits - 1{1'b0}}, 1'b1} << linking_slot_q[BitBits-1:0]);
    word_write = linking_q && !linking_current_q;
    occupied   = linking_current_q ? linking_before_q[linking_slot_q[BitBits-1:0]]
                                   : word_old[linking_slot_q[BitBits-1:0]];
    // What was written while the word was read.
    load_word  = (written_q && written_line_q == line) ? written_data_q : word_loaded;
    if (word_write && linking_line == line) load_word = word_new;
    if (!goal_load_q) load_word = '0;
  end

  // The current word, with what is being loaded.
  logic [Bits-1:0] current;
  assign current = (state_q == StateLoad) ? load_word : remaining;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      next_now_q <= '0;
      now_q      <= '0;
      position_q <= '0;
      current_q  <= '0;
      summary_q  <= '0;
      state_q    <= StatePick;
      linking_q  <= 1'b0;
      written_q  <= 1'b0;
      kept_q     <= 1'b0;
      blocked_q  <= 1'b0;
    end else begin
      next_now_q <= now_i;
      now_q      <= next_now_q;
      linking_q <= insert;
      written_q <= word_write;
      current_q <= current | ((insert && in_current) ? slot_one : {Bits{1'b0}});
      if (insert && !in_current) summary_q <= summary_q | slot_line_one;
      unique case (state_q)
        StatePick: begin
          if (search) state_q <= StateMove;
          else if (any || word == now_word) position_q <= {word, next_bit};
        end
        StateMove: begin
          state_q <= move ? StateLoad : StatePick;
          if (move) begin
            position_q <= goal_q;
            kept_q     <= 1'b0;
            blocked_q  <= 1'b0;
            // Also if the insertion of this cycle goes there.
            if (goal_load_q) begin
              summary_q <= (summary_q | ((insert && !in_current) ? slot_line_one : {Lines{1'b0}})) &
                           ~({{Lines - 1{1'b0}}, 1'b1} << load_line);
            end
          end else begin
            kept_q    <= 1'b1;
            blocked_q <= kept_q;
          end
        end
        default: state_q <= StatePick;
      endcase
    end
    // Of where the drain pointer's word is now: it moves only from StateMove to StateLoad.
    begun_q <= (word != next_now_word) ? '1 : ~(({Bits{1'b1}} << next_now_q[BitBits-1:0]) << 1);
    goal_load_q <= (state_q == StatePick) ? found && found_word <= now_word : goal_load_q;
    if (state_q == StatePick) begin
      goal_q <= (found && found_word <= now_word) ? {found_word, {BitBits{1'b0}}} : now_q;
    end
    if (insert) begin
      linking_current_q  <= in_current;
      linking_late_q     <= late;
      linking_summary_q  <= summary_q;
      linking_before_q   <= current;
      linking_word_q     <= wanted_word;
      linking_slot_q     <= slot;
      linking_id_q       <= insert_id_i;
    end
    if (word_write) begin
      written_line_q <= linking_line;
      written_data_q <= word_new;
    end
  end

  // Lists: the first and last packet of a slot, and behind each packet the next one.
  logic                tail_written_q;
  logic [SlotBits-1:0] tail_slot_q, pick_slot;
  logic [IdBits-1:0]   tail_id_q, tail_stored, tail, next_id;
  logic                walk;

  assign tail      = (tail_written_q && tail_slot_q == linking_slot_q) ? tail_id_q : tail_stored;
  assign pick_slot = {line, pick_bit};

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Slots)
  ) u_tails_insert (
    .clk_i,
    .write_i(linking_q),
    .waddr_i(linking_slot_q),
    .wdata_i(linking_id_q),
    .read_i (insert),
    .raddr_i(slot),
    .rdata_o(tail_stored)
  );

  ram_1r1w #(
    .Width(IdBits),
    .Depth(1 << IdBits)
  ) u_next (
    .clk_i,
    .write_i(linking_q && occupied),
    .waddr_i(tail),
    .wdata_i(linking_id_q),
    .read_i (walk),
    .raddr_i(due_id_o),
    .rdata_o(next_id)
  );

  // A list that is taken out. What is linked in that cycle belongs to it.
  logic              taken_q, joined_q, began_q;
  logic [IdBits-1:0] joined_id_q, taken_head, taken_tail;

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Slots)
  ) u_heads (
    .clk_i,
    .write_i(linking_q && !occupied),
    .waddr_i(linking_slot_q),
    .wdata_i(linking_id_q),
    .read_i (pick),
    .raddr_i(pick_slot),
    .rdata_o(taken_head)
  );

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Slots)
  ) u_tails_take (
    .clk_i,
    .write_i(linking_q),
    .waddr_i(linking_slot_q),
    .wdata_i(linking_id_q),
    .read_i (pick),
    .raddr_i(pick_slot),
    .rdata_o(taken_tail)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tail_written_q <= 1'b0;
      taken_q        <= 1'b0;
    end else begin
      tail_written_q <= linking_q;
      taken_q        <= pick;
    end
    if (linking_q) begin
      tail_slot_q <= linking_slot_q;
      tail_id_q   <= linking_id_q;
    end
    if (pick) begin
      joined_q    <= linking_q && linking_slot_q == pick_slot;
      began_q     <= linking_q && linking_slot_q == pick_slot && !occupied;
      joined_id_q <= linking_id_q;
    end
  end

  // Lists on their way out, and the walk along the first of them.
  logic                     list_valid, list_full, walking_q, last;
  logic [IdBits-1:0]        list_head, list_tail;
  logic [$clog2(ListDepth):0] list_level;

  fifo #(
    .Width(2 * IdBits),
    .Depth(ListDepth)
  ) u_lists (
    .clk_i,
    .rst_ni,
    .push_i (taken_q),
    .data_i ({began_q ? joined_id_q : taken_head, joined_q ? joined_id_q : taken_tail}),
    .full_o (list_full),
    .valid_o(list_valid),
    .data_o ({list_head, list_tail}),
    .pop_i  (due_ready_i && due_o && last),
    .level_o(list_level)
  );

  assign list_room = list_level < ($clog2(ListDepth) + 1)'(ListDepth - 2);
  assign due_o     = list_valid;
  assign due_id_o  = walking_q ? next_id : list_head;
  assign last      = due_id_o == list_tail;
  assign walk      = due_o && due_ready_i && !last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) walking_q <= 1'b0;
    else if (due_o && due_ready_i) walking_q <= !last;
  end

  assign idle_o = state_q == StatePick && !linking_q && !taken_q && !list_valid && !due &&
                  next_now_q == now_i && now_q == now_i && position_q == now_q;

  always_comb begin
    wake_o = '1;
    if (any) wake_o = {word, pick_bit};
    else if (found) wake_o = {found_word, {BitBits{1'b0}}};
  end

  // `list_room` keeps the queue from filling.
  logic unused;
  assign unused = ^{list_full, after_one, before_one};

endmodule
