// Packets without a departure time whose class has a rate wait here, a queue per class, for its token
// bucket (GCRA): the first may go at now >= TAT - burst; then TAT = max(TAT, now) + (bytes * cost >> 16).
// Classes that have packets are visited in turn, one per cycle, each at most every fourth cycle.
module tx_classes (
  input  logic                        clk_i,
  input  logic                        rst_ni,
  input  logic                        clear_i,       // after reset: class clear_class_i
  input  logic [5:0]                  clear_class_i,
  input  logic [63:0]                 time_i,        // ns
  // Packets; always taken.
  input  logic                        insert_i,
  input  logic [5:0]                  insert_class_i,
  input  farrier_pkg::tx_cell_t          insert_id_i,
  input  logic [15:0]                 insert_size_i, // bytes
  output logic [farrier_regs_pkg::Classes-1:0] limited_o,  // classes with a cost
  // A packet that may go.
  output logic                        due_o,
  output farrier_pkg::tx_cell_t          due_id_o,
  input  logic                        due_ready_i,   // it is taken
  // CLASS_COST (word 0) and CLASS_BURST (word 1).
  input  farrier_pkg::tx_access_t  access_i,
  output farrier_pkg::block_response_t access_o,
  // For whoever runs the clock.
  output logic                        idle_o,        // nothing moves before wake_o or an input
  output logic [63:0]                 wake_o         // ns; all ones = never
);

  localparam int unsigned Classes = farrier_regs_pkg::Classes;
  localparam int unsigned IdBits = farrier_pkg::TxCellBits;
  localparam int unsigned OutDepth = 8;
  localparam int unsigned InFlight = 4;  // visits that may still put something out

  logic [Classes-1:0] limited_q, waiting_q, latest_q;  // latest: the head was put by a visit

  // Insertion: first cycle reads the tail, second cycle links.
  logic               link_q, linked_q, linked_behind_q, append;
  logic [5:0]         link_class_q, linked_class_q;
  farrier_pkg::tx_cell_t link_id_q, linked_id_q, linked_to_q, tail_stored, tail;

  // Visits: choose, read the class, read the packet, decide, settle.
  logic               choose, choice_q, read, two_q, three_q, four_q;
  logic [5:0]         choice_class_q, two_class_q, three_class_q, four_class_q, last_q;

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Classes)
  ) u_tails_insert (
    .clk_i,
    .write_i(link_q),
    .waddr_i(link_class_q),
    .wdata_i(link_id_q),
    .read_i (insert_i),
    .raddr_i(insert_class_i),
    .rdata_o(tail_stored)
  );

  assign tail   = (linked_q && linked_class_q == link_class_q) ? linked_id_q : tail_stored;
  assign append = waiting_q[link_class_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      link_q   <= 1'b0;
      linked_q <= 1'b0;
    end else begin
      link_q   <= insert_i;
      linked_q <= link_q;
    end
    if (insert_i) begin
      link_class_q <= insert_class_i;
      link_id_q    <= insert_id_i;
    end
    if (link_q) begin
      linked_class_q  <= link_class_q;
      linked_id_q     <= link_id_q;
      linked_to_q     <= tail;
      linked_behind_q <= append;
    end
  end

  // Which class: the next one after the last that was chosen, if it is not being visited.
  logic               after_any, any;
  logic [Classes-1:0] ready, after, after_one, any_one;
  logic [5:0]         after_class, any_class, chosen_class;
  logic [$clog2(OutDepth):0] out_level;

  function automatic logic [Classes-1:0] one_hot(logic valid, logic [5:0] index);
    one_hot = {{Classes - 1{1'b0}}, valid} << index;
  endfunction

  assign ready = waiting_q & ~one_hot(choice_q, choice_class_q) & ~one_hot(two_q, two_class_q) &
                 ~one_hot(three_q, three_class_q);
  assign after = ready & (({Classes{1'b1}} << last_q) << 1);

  lowest_set #(
    .Width(Classes)
  ) u_after (
    .bits_i (after),
    .any_o  (after_any),
    .one_o  (after_one),
    .index_o(after_class)
  );

  lowest_set #(
    .Width(Classes)
  ) u_any (
    .bits_i (ready),
    .any_o  (any),
    .one_o  (any_one),
    .index_o(any_class)
  );

  assign chosen_class = after_any ? after_class : any_class;
  assign choose       = any && out_level < ($clog2(OutDepth) + 1)'(OutDepth - InFlight) &&
                        !(access_i.valid && !access_i.write);

  // Software reads when no class is.
  logic        looked_q, look, write;
  logic [5:0]  row;
  logic [31:0] cost, burst;

  assign read  = choice_q;
  assign look  = access_i.valid && !access_i.write && !choice_q && !looked_q;
  assign row   = choice_q ? choice_class_q : access_i.row[5:0];
  assign write = access_i.valid && access_i.write;

  ram_1r1w #(
    .Width(32),
    .Depth(Classes)
  ) u_costs (
    .clk_i,
    .write_i(clear_i || (write && access_i.word == 2'd0)),
    .waddr_i(clear_i ? clear_class_i : access_i.row[5:0]),
    .wdata_i(clear_i ? 32'd0 : access_i.data),
    .read_i (read || look),
    .raddr_i(row),
    .rdata_o(cost)
  );

  ram_1r1w #(
    .Width(32),
    .Depth(Classes)
  ) u_bursts (
    .clk_i,
    .write_i(clear_i || (write && access_i.word == 2'd1)),
    .waddr_i(clear_i ? clear_class_i : access_i.row[5:0]),
    .wdata_i(clear_i ? 32'd0 : access_i.data),
    .read_i (read || look),
    .raddr_i(row),
    .rdata_o(burst)
  );

  always_comb begin
    access_o.done = access_i.valid && (looked_q || access_i.write);
    access_o.bad  = access_i.word > 2'd1;
    access_o.data = (access_i.word == 2'd0) ? cost : burst;
  end

  // Second cycle: the class.
  logic [63:0]        tat_stored, now_q;
  logic               head_visited;
  farrier_pkg::tx_cell_t head_inserted, head_moved, head_two, tail_two, next_three;
  logic               tat_write, head_write;
  logic [63:0]        tat_new;
  logic [15:0]        size_three;
  farrier_pkg::tx_cell_t head_new;

  ram_1r1w #(
    .Width(64),
    .Depth(Classes)
  ) u_tats (
    .clk_i,
    .write_i(clear_i || tat_write),
    .waddr_i(clear_i ? clear_class_i : four_class_q),
    .wdata_i(clear_i ? 64'd0 : tat_new),
    .read_i (read),
    .raddr_i(choice_class_q),
    .rdata_o(tat_stored)
  );

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Classes)
  ) u_heads_inserted (
    .clk_i,
    .write_i(link_q && !append),
    .waddr_i(link_class_q),
    .wdata_i(link_id_q),
    .read_i (read),
    .raddr_i(choice_class_q),
    .rdata_o(head_inserted)
  );

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Classes)
  ) u_heads_moved (
    .clk_i,
    .write_i(head_write),
    .waddr_i(three_class_q),
    .wdata_i(head_new),
    .read_i (read),
    .raddr_i(choice_class_q),
    .rdata_o(head_moved)
  );

  assign head_two = head_visited ? head_moved : head_inserted;

  ram_1r1w #(
    .Width(IdBits),
    .Depth(Classes)
  ) u_tails_visit (
    .clk_i,
    .write_i(link_q),
    .waddr_i(link_class_q),
    .wdata_i(link_id_q),
    .read_i (two_q),
    .raddr_i(two_class_q),
    .rdata_o(tail_two)
  );

  ram_1r1w #(
    .Width(IdBits),
    .Depth(1 << IdBits)
  ) u_next (
    .clk_i,
    .write_i(link_q && append),
    .waddr_i(tail),
    .wdata_i(link_id_q),
    .read_i (two_q),
    .raddr_i(head_two),
    .rdata_o(next_three)
  );

  ram_1r1w #(
    .Width(16),
    .Depth(1 << IdBits)
  ) u_sizes (
    .clk_i,
    .write_i(insert_i),
    .waddr_i(insert_id_i),
    .wdata_i(insert_size_i),
    .read_i (two_q),
    .raddr_i(head_two),
    .rdata_o(size_three)
  );

  // Third cycle: may it go? What is linked behind the head in the cycle before or in this one is not in what
  // was read.
  logic [64:0]        reach_q;  // now + burst
  logic [63:0]        tat_q, now_three_q, eligible_q;
  logic [31:0]        cost_q;
  farrier_pkg::tx_cell_t head_q, tail_three;
  logic               go, single, empties;

  always_comb begin
    tail_three = tail_two;
    head_new   = next_three;
    if (linked_q && linked_class_q == three_class_q) begin
      tail_three = linked_id_q;
      if (linked_behind_q && linked_to_q == head_q) head_new = linked_id_q;
    end
    single = head_q == tail_three;
    if (single) head_new = link_id_q;
    go         = three_q && reach_q >= {1'b0, tat_q};
    empties    = go && single && !(link_q && link_class_q == three_class_q);
    head_write = go && !empties;
  end

  // Fourth cycle: its cost.
  logic [47:0] cost_four_q;
  logic [63:0] base_q;
  logic        went_q;

  assign tat_write = four_q && went_q;
  assign tat_new   = base_q + {32'd0, cost_four_q[47:16]};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      limited_q <= '0;
      waiting_q <= '0;
      latest_q  <= '0;
      choice_q  <= 1'b0;
      two_q     <= 1'b0;
      three_q   <= 1'b0;
      four_q    <= 1'b0;
      looked_q  <= 1'b0;
      last_q    <= '0;
    end else begin
      looked_q <= look;
      choice_q <= choose;
      two_q    <= choice_q;
      three_q  <= two_q;
      four_q   <= three_q;
      if (choose) last_q <= chosen_class;
      if (write && access_i.word == 2'd0) limited_q[access_i.row[5:0]] <= access_i.data != '0;
      waiting_q <= (waiting_q & ~one_hot(empties, three_class_q)) | one_hot(link_q, link_class_q);
      latest_q  <= (latest_q & ~one_hot(link_q && !append, link_class_q)) |
                   one_hot(head_write, three_class_q);
    end
    if (choose) choice_class_q <= chosen_class;
    if (choice_q) begin
      two_class_q  <= choice_class_q;
      head_visited <= latest_q[choice_class_q];
    end
    if (two_q) begin
      three_class_q <= two_class_q;
      head_q        <= head_two;
      tat_q         <= tat_stored;
      cost_q        <= cost;
      now_three_q   <= now_q;
      reach_q       <= {1'b0, now_q} + {33'd0, burst};
      eligible_q    <= tat_stored - {32'd0, burst};
    end
    if (three_q) begin
      four_class_q <= three_class_q;
      went_q       <= go;
      base_q       <= (tat_q > now_three_q) ? tat_q : now_three_q;
      cost_four_q  <= {16'd0, cost_q} * {32'd0, size_three};
    end
    now_q <= time_i;
  end

  assign limited_o = limited_q;

  // On their way out.
  logic out_full;

  fifo #(
    .Width(IdBits),
    .Depth(OutDepth)
  ) u_out (
    .clk_i,
    .rst_ni,
    .push_i (go),
    .data_i (head_q),
    .full_o (out_full),
    .valid_o(due_o),
    .data_o (due_id_o),
    .pop_i  (due_o && due_ready_i),
    .level_o(out_level)
  );

  // Nothing moves when all that wait have been visited in vain since anything happened.
  localparam logic [6:0] Enough = 7'(Classes + InFlight + 2);
  logic [6:0]  vain_q;
  logic [63:0] wake_q;
  logic        event_now, settled;

  assign event_now = insert_i || link_q || go || write || time_i != now_q;
  assign settled   = vain_q >= Enough;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || event_now) begin
      vain_q <= '0;
      wake_q <= '1;
    end else if (three_q) begin
      if (!settled) vain_q <= vain_q + 7'd1;
      if (eligible_q < wake_q) wake_q <= eligible_q;
    end
  end

  assign idle_o = !event_now && !due_o && (waiting_q == '0 || settled);
  assign wake_o = (waiting_q == '0) ? '1 : wake_q;

  logic unused;
  assign unused = ^{out_full, after_one, any_one, cost_four_q[15:0], access_i.row[7:6]};

endmodule
