// What must hold at the owner table, and should be seen there, bound to it: what becomes of packets, and
// every way that a row changes.
module owner_table_checks #(
  parameter int unsigned Functions = 2
) (
  input logic       clk_i,
  input logic       rst_ni,
  input logic [2:0] state_q,
  // Packets.
  input logic       valid_i,
  input logic       ready_o,
  input logic       pressure_i,
  input logic [5:0] patience_q,
  input logic       valid1_q,
  input logic       valid2_q,
  input logic       written_q,
  input farrier_pkg::owner_t owner1_q,
  input farrier_pkg::owner_t owner2_q,
  input farrier_pkg::owner_t written_owner_q,
  input farrier_pkg::owner_t named_owner,
  input farrier_pkg::owner_t issue_owner,
  input logic       issue,
  input farrier_pkg::owner_row_t row2_q,
  input farrier_pkg::rx_packet_t packet2_q,
  input logic       drop2_q,
  input logic       deliver,
  input logic       park,
  input logic       reclaim,
  input logic       memory_full,
  input logic       room,
  input logic [3:0] enabled_i,
  input logic [farrier_pkg::RxCounters-1:0] packet_count,
  // Operations.
  input logic       doing,
  input logic       start,
  input logic       ask,
  input logic [1:0] asker,
  input farrier_pkg::owner_op_e doing_q,
  input farrier_pkg::owner_row_t row_read_data,
  input farrier_pkg::owner_row_t done_row,
  input farrier_pkg::owner_due_t due,
  input farrier_pkg::delivery_t done_delivery,
  input logic [31:0] op_data_i,
  input logic       op_valid_i,
  input logic       done_bad,
  input logic       done_switched,
  input logic       done_progress,
  input logic       done_deliver,
  input logic       done_unpark,
  input logic       done_discard,
  input logic       done_lost,
  input logic       done_wake_valid,
  input logic       settled,
  input logic       list_valid,
  input logic       miss_valid_i,
  input logic       missing,
  input logic       miss_known_q,
  input logic [1:0] miss_func_i,
  input logic       report_valid_i,
  input logic       reported_q,
  input logic       serve,
  input logic       mark_room,
  input logic       one_i,
  input logic       two_i,
  input logic [3:0] raw_i,
  // Out.
  input logic       deliver_o,
  input logic       take_o,
  input logic       park_write_o
);

  localparam logic [1:0] Detached = farrier_regs_pkg::OwnerStateDetached;
  localparam logic [1:0] Attached = farrier_regs_pkg::OwnerStateAttached;
  localparam logic [1:0] Held = farrier_regs_pkg::OwnerStateHeld;
  localparam logic [1:0] Drop = farrier_regs_pkg::OwnerStateDrop;

  assert property (@(posedge clk_i) disable iff (!rst_ni) !(doing && (valid1_q || valid2_q)))
    else $error("owner_table: an operation beside a packet");
  assert property (@(posedge clk_i) disable iff (!rst_ni) deliver_o == take_o)
    else $error("owner_table: delivered and not paid, or paid for nothing");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(deliver && park))
    else $error("owner_table: a packet both held and delivered");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   valid2_q && deliver |-> row2_q.state == Attached && row2_q.parked == '0)
    else $error("owner_table: delivered though its owner is held, or ahead of a parked one");
  assert property (@(posedge clk_i) disable iff (!rst_ni)
                   valid2_q |-> deliver || park || reclaim || !packet2_q.stored)
    else $error("owner_table: cells of a dropped packet stay");
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(reclaim && done_discard))
    else $error("owner_table: two things to reclaim at once");

  fsm_arcs #(
    .States(5),  // Idle, Read, Row, Look, Do
    .Arcs  (25'b00001_10000_01000_00100_00010)
  ) u_arcs (
    .clk_i,
    .rst_ni,
    .state_i(32'(state_q))
  );

  // What becomes of a packet.
  logic parks;
  assign parks = row2_q.state == Held || (row2_q.state == Attached && row2_q.parked != '0);

  cover property (@(posedge clk_i) rst_ni && valid2_q && packet2_q.malformed);
  cover property (@(posedge clk_i) rst_ni && valid2_q && packet2_q.oversize);
  cover property (@(posedge clk_i) rst_ni && valid2_q && drop2_q);
  for (genvar i = 0; i < farrier_pkg::RxCounters; i++) begin : g_count
    if (i != farrier_pkg::RxCountDropDiscarded) begin : g_decision
      cover property (@(posedge clk_i) rst_ni && valid2_q && packet_count[i]);
    end
  end
  cover property (@(posedge clk_i) rst_ni && packet_count[farrier_pkg::RxCountDropNoCredit] &&
                                   enabled_i[row2_q.func] && !one_i);
  cover property (@(posedge clk_i) rst_ni && packet_count[farrier_pkg::RxCountDropNoCredit] &&
                                   enabled_i[row2_q.func] && one_i);             // MARK's is left
  cover property (@(posedge clk_i) rst_ni && packet_count[farrier_pkg::RxCountDropNoCredit] &&
                                   !enabled_i[row2_q.func]);
  cover property (@(posedge clk_i) rst_ni && packet_count[farrier_pkg::RxCountDropQuota] &&
                                   row2_q.state == Attached);                    // draining
  cover property (@(posedge clk_i) rst_ni && packet_count[farrier_pkg::RxCountDropQuota] &&
                                   row2_q.state == Held);
  cover property (@(posedge clk_i) rst_ni && valid2_q && memory_full && parks && packet2_q.stored && !room);
  cover property (@(posedge clk_i) rst_ni && valid2_q && memory_full && parks && !packet2_q.stored);
  cover property (@(posedge clk_i) rst_ni && valid2_q && memory_full && !parks);
  cover property (@(posedge clk_i) rst_ni && park && row2_q.state == Attached);  // behind what drains
  cover property (@(posedge clk_i) rst_ni && park && !park_write_o);             // the first
  cover property (@(posedge clk_i) rst_ni && park && park_write_o);
  cover property (@(posedge clk_i) rst_ni && valid1_q && valid2_q && owner1_q == owner2_q);
  cover property (@(posedge clk_i) rst_ni && valid1_q && !valid2_q && written_q &&
                                   written_owner_q == owner1_q);
  cover property (@(posedge clk_i) rst_ni && issue && named_owner != issue_owner);  // DETACHED: default's
  cover property (@(posedge clk_i) rst_ni && valid_i && !ready_o);
  cover property (@(posedge clk_i) rst_ni && pressure_i && ask && !start);
  cover property (@(posedge clk_i) rst_ni && pressure_i && start && patience_q == '1);

  // From each state to each other, by software.
  logic is_switch, accepted;
  assign is_switch = doing && doing_q == farrier_pkg::OwnerOpSwitch;
  assign accepted  = is_switch && done_switched;

  for (genvar from = 0; from < 4; from++) begin : g_state_from
    for (genvar to = 0; to < 4; to++) begin : g_state_to
      if (!(from == 2 && to == 2)) begin : g_arc
        cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.state == from &&
                                         done_row.state == to);
      end
    end
  end
  for (genvar f = 0; f < Functions; f++) begin : g_function
    cover property (@(posedge clk_i) rst_ni && accepted && done_row.state == Attached &&
                                     row_read_data.func == f && done_row.func != f);
  end
  cover property (@(posedge clk_i) rst_ni && is_switch && !done_switched &&
                                   done_row.refused == row_read_data.refused);     // HELD on HELD
  cover property (@(posedge clk_i) rst_ni && is_switch && done_row.refused != row_read_data.refused &&
                                   op_data_i[31:20] != row_read_data.generation);  // stale
  cover property (@(posedge clk_i) rst_ni && is_switch && done_row.refused != row_read_data.refused &&
                                   op_data_i[31:20] == row_read_data.generation);  // no such place
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.state == Held &&
                                   done_row.state == Attached && row_read_data.parked != '0);
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.state == Held &&
                                   done_row.state == Attached && row_read_data.parked == '0);
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.state == Attached &&
                                   done_row.state == Held && row_read_data.parked != '0);  // in a drain
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.state == Attached &&
                                   done_row.state == Attached && row_read_data.parked != '0);
  cover property (@(posedge clk_i) rst_ni && accepted && done_discard && row_read_data.state == Held &&
                                   done_row.state == Detached);
  cover property (@(posedge clk_i) rst_ni && accepted && done_discard && row_read_data.state == Held &&
                                   done_row.state == Drop);
  cover property (@(posedge clk_i) rst_ni && accepted && done_discard && row_read_data.state == Attached);
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.marks != '0);        // withdrawn
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.watchdog && !done_row.watchdog);
  cover property (@(posedge clk_i) rst_ni && accepted && row_read_data.heartbeat && !done_row.heartbeat);
  for (genvar i = 0; i < 5; i++) begin : g_queues
    cover property (@(posedge clk_i) rst_ni && accepted && done_row.log2_queues == i &&
                                     done_row.state == Held);
  end

  // Quotas.
  logic is_quota;
  assign is_quota = doing && doing_q == farrier_pkg::OwnerOpQuota;
  cover property (@(posedge clk_i) rst_ni && is_quota && !done_bad);
  cover property (@(posedge clk_i) rst_ni && is_quota && done_bad && row_read_data.state == Held);
  cover property (@(posedge clk_i) rst_ni && is_quota && done_bad && row_read_data.state == Attached);
  cover property (@(posedge clk_i) rst_ni && doing && doing_q == farrier_pkg::OwnerOpSnapshot);

  // Missed heartbeats.
  logic is_miss;
  assign is_miss = doing && doing_q == farrier_pkg::OwnerOpMiss;
  cover property (@(posedge clk_i) rst_ni && is_miss && done_switched && row_read_data.parked == '0);
  cover property (@(posedge clk_i) rst_ni && is_miss && done_switched && row_read_data.parked != '0);
  cover property (@(posedge clk_i) rst_ni && is_miss && !done_switched &&
                                   row_read_data.func != miss_func_i);
  cover property (@(posedge clk_i) rst_ni && is_miss && !done_switched && row_read_data.state == Held);
  cover property (@(posedge clk_i) rst_ni && is_miss && !done_switched && row_read_data.state == Drop);
  cover property (@(posedge clk_i) rst_ni && miss_valid_i && miss_known_q && !missing);
  cover property (@(posedge clk_i) rst_ni && miss_valid_i && op_valid_i);

  // Departure reports.
  logic is_report;
  assign is_report = doing && doing_q == farrier_pkg::OwnerOpReport;
  cover property (@(posedge clk_i) rst_ni && is_report && !done_lost);
  cover property (@(posedge clk_i) rst_ni && is_report && done_lost && row_read_data.state != Attached);
  cover property (@(posedge clk_i) rst_ni && is_report && done_lost && row_read_data.state == Attached &&
                                   !enabled_i[row_read_data.func]);
  cover property (@(posedge clk_i) rst_ni && is_report && done_lost && row_read_data.state == Attached &&
                                   raw_i[row_read_data.func]);
  cover property (@(posedge clk_i) rst_ni && is_report && done_lost && row_read_data.state == Attached &&
                                   enabled_i[row_read_data.func] && !raw_i[row_read_data.func] && !two_i);
  cover property (@(posedge clk_i) rst_ni && report_valid_i && !mark_room);
  cover property (@(posedge clk_i) rst_ni && report_valid_i && reported_q && serve);  // in turn

  // Service.
  logic is_service;
  assign is_service = doing && doing_q == farrier_pkg::OwnerOpService;
  cover property (@(posedge clk_i) rst_ni && is_service && done_switched && done_discard);   // watchdog
  cover property (@(posedge clk_i) rst_ni && is_service && done_switched && !done_discard);
  cover property (@(posedge clk_i) rst_ni && is_service && done_progress && !done_switched && !done_deliver);
  cover property (@(posedge clk_i) rst_ni && is_service && done_deliver && done_delivery.mark &&
                                   due.mark_index == 4'd0);
  cover property (@(posedge clk_i) rst_ni && is_service && done_deliver && done_delivery.mark &&
                                   due.mark_index == 4'd15);
  cover property (@(posedge clk_i) rst_ni && is_service && row_read_data.marks != '0 && !done_progress);
  cover property (@(posedge clk_i) rst_ni && is_service && done_unpark && done_row.parked != '0);
  cover property (@(posedge clk_i) rst_ni && is_service && done_unpark && done_row.parked == '0);
  cover property (@(posedge clk_i) rst_ni && is_service && row_read_data.state == Attached &&
                                   row_read_data.parked != '0 && !two_i);  // the drain waits for credits
  cover property (@(posedge clk_i) rst_ni && is_service && done_wake_valid && row_read_data.state == Held);
  cover property (@(posedge clk_i) rst_ni && is_service && done_wake_valid &&
                                   row_read_data.state == Attached);       // ... for its gap
  cover property (@(posedge clk_i) rst_ni && is_service && !done_row.listed);
  cover property (@(posedge clk_i) rst_ni && list_valid && settled);
  cover property (@(posedge clk_i) rst_ni && !mark_room);
  for (genvar i = 0; i < 4; i++) begin : g_asker
    cover property (@(posedge clk_i) rst_ni && start && asker == i);
  end

  logic unused;
  assign unused = ^{row2_q, packet2_q,
                    row_read_data, done_row, due, done_delivery, op_data_i};

endmodule

bind owner_table owner_table_checks #(.Functions(Functions)) u_checks (.*);
