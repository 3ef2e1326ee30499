// One owner row under every order of packets, switch words, quotas, missed heartbeats, departure reports
// and rounds of service: owner_decision and owner_operation applied one after the other, as owner_table does. Up to three packets park at a
// time. One packet, any of them, is followed; two rivals write what they like, when they like.
module owner_switch_proof (
  input logic                    clk_i,
  input logic                    packet_valid_i,
  input logic                    packet_bad_i,
  input logic                    packet_stored_i,
  input farrier_pkg::cell_t      packet_head_i,
  input logic                    funded_i,
  input logic                    room_i,
  input logic                    op_valid_i,    // not with a packet
  input logic [2:0]              op_i,          // 0 read, 1 switch, 2 quota, 3 service, 4 miss, 5 report
  input logic [31:0]             op_data_i,
  input logic                    expired_i,     // time has passed beyond the watchdog
  input logic                    credit_i,      // every queue has two
  input logic                    enabled_i,
  input logic                    raw_i,
  input logic                    mark_room_i,
  input logic                    gap_over_i,
  input logic [1:0]              missing_i      // whose heartbeat was missed
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;

  (* anyconst *) farrier_pkg::cell_t followed;
  (* anyconst *) logic [11:0]        contested;  // the generation that rivals expect

  farrier_pkg::owner_row_t   row_q, decided_row, done_row;
  farrier_pkg::rx_packet_t   packet;
  farrier_pkg::packet_link_t behind;
  farrier_pkg::delivery_t    delivery;
  farrier_pkg::owner_op_e    op;
  logic                      packet_valid, op_valid;
  logic                      deliver, park, reclaim, memory_full;
  logic [farrier_pkg::RxCounters-1:0] count;
  logic                      bad, switched, list, progress, wake_valid, op_deliver, unpark, discard, lost;
  logic [31:0]               answer;
  logic [63:0]               wake;

  assign packet_valid = started_q && packet_valid_i;
  assign op_valid     = started_q && op_valid_i && !packet_valid_i;

  always_comb begin
    packet           = '0;
    packet.malformed = packet_bad_i;
    packet.stored    = packet_stored_i;
    packet.cells     = 5'd1;
    packet.size      = 16'd60;
    packet.head      = packet_head_i;
    unique case (op_i)
      3'd1: op = farrier_pkg::OwnerOpSwitch;
      3'd2: op = farrier_pkg::OwnerOpQuota;
      3'd3: op = farrier_pkg::OwnerOpService;
      3'd4: op = farrier_pkg::OwnerOpMiss;
      3'd5: op = farrier_pkg::OwnerOpReport;
      default: op = farrier_pkg::OwnerOpRead;
    endcase
  end

  // As owner_due finds it.
  farrier_pkg::owner_due_t due;

  always_comb begin
    due          = '0;
    due.expired  = expired_i;
    due.gap_over = gap_over_i;
    due.mark     = row_q.marks != '0 && mark_room_i;
    for (int i = 15; i >= 0; i--) begin
      if (row_q.marks[i]) due.mark_index = 4'(i);
    end
  end

  owner_decision u_decision (
    .valid_i      (packet_valid),
    .drop_i       (1'b0),
    .row_i        (row_q),
    .packet_i     (packet),
    .entry_i      (4'd0),
    .funded_i,
    .room_i       (room_i && parked_q != 2'd3),
    .deliver_o    (deliver),
    .park_o       (park),
    .reclaim_o    (reclaim),
    .memory_full_o(memory_full),
    .count_o      (count),
    .row_o        (decided_row)
  );

  owner_operation #(
    .Functions(2),
    .Queues   (16)
  ) u_operation (
    .valid_i       (op_valid),
    .op_i          (op),
    .row_i         (row_q),
    .owner_i       (8'd7),
    .word_i        (3'd0),
    .data_i        (op_data_i),
    .func_i        (missing_i),
    .tx_seen_i     (32'd0),
    .behind_i      (behind),
    .due_i         (due),
    .one_i         (credit_i),
    .two_i         (credit_i),
    .time_i        (64'd0),
    .enabled_i     ({4{enabled_i}}),
    .raw_i         ({4{raw_i}}),
    .row_o         (done_row),
    .data_o        (answer),
    .bad_o         (bad),
    .switched_o    (switched),
    .list_o        (list),
    .progress_o    (progress),
    .wake_valid_o  (wake_valid),
    .wake_o        (wake),
    .deliver_o     (op_deliver),
    .delivery_o    (delivery),
    .unpark_o      (unpark),
    .discard_o     (discard),
    .lost_o        (lost)
  );

  // The memory of parked packets: their heads, oldest first.
  farrier_pkg::cell_t heads_0_q, heads_1_q, heads_2_q;
  logic [1:0]         parked_q = 2'd0;

  assign behind.cells = 5'd1;
  assign behind.entry = 4'd0;
  assign behind.head  = heads_1_q;

  // What has become of the followed packet, of MARKs, and of the contested generation.
  logic        packet_parked_q = 1'b0;     // it waits
  logic        packet_delivered_q = 1'b0;
  logic        packet_dropped_q = 1'b0;
  logic        marked_q = 1'b0;            // a MARK went out, and no ATTACHED was accepted since
  logic        held_q = 1'b0;              // HELD was accepted, and nothing else since
  logic        won_q = 1'b0;               // an ATTACHED that expects `contested` was accepted
  logic [11:0] later_q = 12'd0;            // ATTACHED accepted since
  logic [31:0] next_q = 32'd0;             // sequence of the next packet to reach a function
  logic        attaches, delivers, is_followed;
  logic        expects, placed, repeats;
  logic [5:0]  queues_end;

  assign is_followed = packet_valid && packet_head_i == followed;
  assign delivers    = deliver || (op_deliver && !delivery.mark);
  assign attaches    = switched && done_row.state == farrier_regs_pkg::OwnerStateAttached;
  assign expects     = op_data_i[31:20] == row_q.generation;
  assign queues_end  = {2'd0, op_data_i[7:4]} + (6'd1 << op_data_i[10:8]);
  assign placed      = op_data_i[3:2] < 2'd2 && op_data_i[10:8] <= 3'd4 && queues_end <= 6'd16;
  assign repeats     = row_q.state == farrier_regs_pkg::OwnerStateHeld &&
                       op_data_i[1:0] == farrier_regs_pkg::OwnerStateHeld;

  always_ff @(posedge clk_i) begin
    if (!started_q) begin
      row_q <= '0;
    end else begin
      if (packet_valid && (deliver || park)) row_q <= decided_row;
      else if (op_valid) row_q <= done_row;

      if (park) begin
        if (parked_q == 2'd0) heads_0_q <= packet_head_i;
        else if (parked_q == 2'd1) heads_1_q <= packet_head_i;
        else heads_2_q <= packet_head_i;
        parked_q <= parked_q + 2'd1;
      end else if (unpark) begin
        heads_0_q <= heads_1_q;
        heads_1_q <= heads_2_q;
        parked_q  <= parked_q - 2'd1;
      end else if (discard) begin
        parked_q <= 2'd0;
      end

      if (is_followed) begin
        packet_parked_q    <= park;
        packet_delivered_q <= deliver;
        packet_dropped_q   <= !park && !deliver;
      end else if (unpark && delivery.head == followed) begin
        packet_parked_q    <= 1'b0;
        packet_delivered_q <= 1'b1;
      end else if (discard && packet_parked_q) begin
        packet_parked_q  <= 1'b0;
        packet_dropped_q <= 1'b1;
      end

      if (op_deliver && delivery.mark && !delivery.sent) marked_q <= 1'b1;
      else if (attaches) marked_q <= 1'b0;
      if (switched) held_q <= done_row.state == farrier_regs_pkg::OwnerStateHeld;
      if (attaches) begin
        if (op_data_i[31:20] == contested && !won_q) won_q <= 1'b1;
        else if (won_q) later_q <= later_q + 12'd1;
      end
      if (discard) next_q <= row_q.rx_next;
      else if (delivers) next_q <= next_q + 32'd1;
    end
  end

  always_comb begin
    // A packet's cell is its own until it has left.
    if (packet_valid && packet_valid_i) begin
      if (parked_q > 2'd0) assume (packet_head_i != heads_0_q);
      if (parked_q > 2'd1) assume (packet_head_i != heads_1_q);
      if (parked_q > 2'd2) assume (packet_head_i != heads_2_q);
    end
    // The followed packet comes once.
    if (packet_parked_q || packet_delivered_q || packet_dropped_q) assume (!is_followed);
    // Generations come again after 4096: a rival older than that is not a rival.
    assume (later_q != 12'hFFF);

    if (started_q) begin
      // A packet is held, delivered or dropped: one of them.
      assert (!(deliver && park));
      assert (!(packet_parked_q && packet_delivered_q));
      assert (!(packet_delivered_q && packet_dropped_q));
      assert (!(packet_parked_q && packet_dropped_q));
      if (unpark && delivery.head == followed) begin
        assert (packet_parked_q && !packet_delivered_q && !packet_dropped_q);
      end
      // Nothing of the owner reaches a function behind its MARK, or while it is held.
      if (marked_q || held_q) assert (!delivers);
      // Each reaches it in turn: those that waited first, none left out.
      if (deliver) assert (row_q.rx_next == next_q && parked_q == 2'd0);
      if (unpark) begin
        assert (delivery.sequence_number == next_q);
        assert (delivery.head == heads_0_q && delivery.was_held);
      end
      if (op_deliver && delivery.mark && !delivery.sent) begin
        assert (delivery.sequence_number == next_q);
      end
      // A report goes to the owner's host alone, and is else lost.
      if (op_deliver && delivery.sent) assert (!held_q && !marked_q && !lost);
      if (op_valid && op == farrier_pkg::OwnerOpReport) assert (lost == !op_deliver);
      if (delivers && op_valid) assert (delivery.generation == row_q.generation);

      // Of the words that expect one generation, one ATTACHED is accepted: the first that is good.
      if (won_q) assert (!(attaches && op_data_i[31:20] == contested));
      if (op_valid && op == farrier_pkg::OwnerOpSwitch) begin
        assert (switched == (expects && placed && !repeats));
        if (!expects || !placed) assert (done_row.refused == row_q.refused + 32'd1);
        if (attaches) assert (done_row.generation == row_q.generation + 12'd1);
        else assert (done_row.generation == row_q.generation);
      end
      if (op_valid && op != farrier_pkg::OwnerOpSwitch) begin
        assert (done_row.generation == row_q.generation && !attaches);
      end

      // Inside, for the induction.
      assert (row_q.parked == {{farrier_pkg::CellBits - 1{1'b0}}, parked_q});
      assert (row_q.parked_cells == row_q.parked);
      if (parked_q != 2'd0) assert (row_q.park_head == heads_0_q && row_q.head_cells == 5'd1);
      assert (row_q.rx_next == next_q + {30'd0, parked_q});
      assert (held_q == (row_q.state == farrier_regs_pkg::OwnerStateHeld));
      if (held_q) assert (row_q.cut == next_q);
      if (parked_q != 2'd0) assert (row_q.state == farrier_regs_pkg::OwnerStateHeld ||
                                    row_q.state == farrier_regs_pkg::OwnerStateAttached);
      if (row_q.marks != 16'd0) assert (held_q);
      if (marked_q) assert (row_q.state != farrier_regs_pkg::OwnerStateAttached);
      assert (packet_parked_q == ((parked_q > 2'd0 && heads_0_q == followed) ||
                                  (parked_q > 2'd1 && heads_1_q == followed) ||
                                  (parked_q > 2'd2 && heads_2_q == followed)));
      if (parked_q > 2'd1) assert (heads_0_q != heads_1_q);
      if (parked_q > 2'd2) assert (heads_0_q != heads_2_q && heads_1_q != heads_2_q);
      if (!won_q) assert (later_q == 12'd0);
      if (won_q) assert (row_q.generation == contested + 12'd1 + later_q);

      cover (packet_delivered_q && marked_q && packet_valid && park);
      cover (unpark && delivery.head == followed && parked_q == 2'd3);
      cover (won_q && op_valid && op == farrier_pkg::OwnerOpSwitch && op_data_i[31:20] == contested);
      cover (packet_dropped_q && discard);
      cover (switched && op == farrier_pkg::OwnerOpMiss && parked_q == 2'd2);
      cover (op_deliver && delivery.sent && parked_q != 2'd0);
      cover (switched && row_q.state == farrier_regs_pkg::OwnerStateHeld && op == farrier_pkg::OwnerOpService);
    end
  end

  logic unused;
  assign unused = ^{reclaim, memory_full, count, bad, list, progress, wake_valid, wake, answer};

endmodule
