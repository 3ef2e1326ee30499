// What one request of software, or one round of service, does to an owner row. Combinational: the row
// as it was comes in; what it becomes and what else has to happen go out.
module owner_operation #(
  parameter int unsigned Functions = 2,
  parameter int unsigned Queues = 16     // per function
) (
  input  logic                    valid_i,
  input  farrier_pkg::owner_op_e  op_i,
  input  farrier_pkg::owner_row_t row_i,
  input  farrier_pkg::owner_t     owner_i,
  input  logic [2:0]              word_i,        // for Read: which register of the row
  input  logic [31:0]             data_i,        // for Switch and Quota; for Report: the sequence
  input  logic [1:0]              func_i,        // for Miss: whose heartbeat
  input  logic [31:0]             tx_seen_i,     // the owner's
  input  farrier_pkg::packet_link_t behind_i,    // parked behind the row's oldest packet
  input  farrier_pkg::owner_due_t due_i,
  input  logic                    one_i,         // due_i.queue_index has a credit
  input  logic                    two_i,         // ... has two
  input  logic [63:0]             time_i,        // ns
  input  logic [3:0]              enabled_i,     // per function
  input  logic [3:0]              raw_i,         // per function
  output farrier_pkg::owner_row_t row_o,
  output logic [31:0]             data_o,        // for Read
  output logic                    bad_o,         // for Quota: not now
  output logic                    switched_o,    // state or generation changed
  output logic                    list_o,        // the row enters, or stays in, the service list
  output logic                    progress_o,    // for Service: something was done
  output logic                    wake_valid_o,  // for Service: nothing to do until wake_o
  output logic [63:0]             wake_o,        // ns
  output logic                    deliver_o,     // queue delivery_o, and take a credit for it
  output farrier_pkg::delivery_t  delivery_o,
  output logic                    unpark_o,      // delivery_o was parked
  output logic                    discard_o,     // all parked packets go
  output logic                    lost_o         // for Report: it cannot be delivered
);

  // The word that Switch asks for.
  logic [1:0]  state, func;
  logic [3:0]  queue_base;
  logic [2:0]  log2_queues;
  logic [5:0]  queues_end;
  logic        placed, expected;

  always_comb begin
    state       = data_i[farrier_regs_pkg::SwitchWordStateLsb+:2];
    func        = data_i[farrier_regs_pkg::SwitchWordFunctionLsb+:2];
    queue_base  = data_i[farrier_regs_pkg::SwitchWordQueueBaseLsb+:4];
    log2_queues = data_i[farrier_regs_pkg::SwitchWordLog2QueuesLsb+:3];
    queues_end  = {2'd0, queue_base} + (6'd1 << log2_queues);
    placed      = {30'd0, func} < Functions && log2_queues <= 3'd4 && {26'd0, queues_end} <= Queues;
    expected    = data_i[farrier_regs_pkg::SwitchWordGenerationLsb+:12] == row_i.generation;
  end

  logic is_held, draining, enabled, raw;
  logic hold;  // the row becomes HELD now

  always_comb begin
    is_held  = row_i.state == farrier_regs_pkg::OwnerStateHeld;
    draining = row_i.state == farrier_regs_pkg::OwnerStateAttached && row_i.parked != '0;
    enabled  = enabled_i[row_i.func];
    raw      = raw_i[row_i.func];
  end

  always_comb begin
    row_o        = row_i;
    bad_o        = 1'b0;
    switched_o   = 1'b0;
    list_o       = 1'b0;
    progress_o   = 1'b0;
    wake_valid_o = 1'b0;
    wake_o       = '1;
    deliver_o    = 1'b0;
    unpark_o     = 1'b0;
    discard_o    = 1'b0;
    lost_o       = 1'b0;
    hold         = 1'b0;
    delivery_o   = '0;
    if (valid_i) begin
      delivery_o.raw         = raw;
      delivery_o.func        = row_i.func;
      delivery_o.queue_index = due_i.queue_index;
      delivery_o.owner       = owner_i;
      delivery_o.generation  = row_i.generation;
      delivery_o.head        = row_i.park_head;

      unique case (op_i)
        farrier_pkg::OwnerOpSwitch: begin
          if (!placed || !expected) begin
            row_o.refused = row_i.refused + 32'd1;
          end else if (!(is_held && state == farrier_regs_pkg::OwnerStateHeld)) begin
            switched_o        = 1'b1;
            row_o.state       = state;
            row_o.func        = func;
            row_o.queue_base  = queue_base;
            row_o.log2_queues = log2_queues;
            row_o.marks       = '0;
            unique case (state)
              farrier_regs_pkg::OwnerStateAttached: begin
                row_o.generation = row_i.generation + 12'd1;
                row_o.watchdog   = 1'b0;
                row_o.heartbeat  = 1'b0;
              end
              farrier_regs_pkg::OwnerStateHeld: begin
                hold        = 1'b1;
                row_o.marks = ~(16'hFFFE << ((5'd1 << log2_queues) - 5'd1));
              end
              default: discard_o = row_i.parked != '0;
            endcase
          end
        end

        farrier_pkg::OwnerOpQuota: begin
          if (is_held || draining) bad_o = 1'b1;
          else row_o.quota_difference = data_i ^ farrier_pkg::QuotaAfterReset;
        end

        farrier_pkg::OwnerOpMiss: begin
          if (row_i.state == farrier_regs_pkg::OwnerStateAttached && row_i.func == func_i) begin
            switched_o      = 1'b1;
            hold            = 1'b1;
            row_o.state     = farrier_regs_pkg::OwnerStateHeld;
            row_o.marks     = ~(16'hFFFE << ((5'd1 << row_i.log2_queues) - 5'd1));
            row_o.heartbeat = 1'b1;
          end
        end

        farrier_pkg::OwnerOpReport: begin
          deliver_o = row_i.state == farrier_regs_pkg::OwnerStateAttached && enabled && !raw && two_i;
          lost_o    = !deliver_o;
          delivery_o.mark            = 1'b1;
          delivery_o.sent            = 1'b1;
          delivery_o.sequence_number = data_i;
        end

        farrier_pkg::OwnerOpService: begin
          if (is_held && due_i.expired) begin
            progress_o     = 1'b1;
            switched_o     = 1'b1;
            discard_o      = row_i.parked != '0;
            row_o.state    = farrier_regs_pkg::OwnerStateDrop;
            row_o.watchdog = 1'b1;
            row_o.marks    = '0;
          end else if (row_i.marks != '0 && raw) begin
            progress_o  = 1'b1;
            row_o.marks = '0;
          end else if (due_i.mark && enabled && one_i) begin
            progress_o  = 1'b1;
            deliver_o   = 1'b1;
            row_o.marks = row_i.marks & ~(16'd1 << due_i.mark_index);
            delivery_o.mark            = 1'b1;
            delivery_o.sequence_number = row_i.cut;
          end else if (draining && enabled && two_i && due_i.gap_over) begin
            progress_o = 1'b1;
            deliver_o  = 1'b1;
            unpark_o   = 1'b1;
            delivery_o.was_held = 1'b1;
            delivery_o.sequence_number =
                row_i.rx_next - {{31 - farrier_pkg::CellBits{1'b0}}, row_i.parked};
            row_o.parked       = row_i.parked - 1'b1;
            row_o.parked_cells =
                row_i.parked_cells - {{farrier_pkg::CellBits - 4{1'b0}}, row_i.head_cells};
            row_o.park_head    = behind_i.head;
            row_o.head_cells   = behind_i.cells;
            row_o.head_entry   = behind_i.entry;
            row_o.last_drain   = time_i;
            row_o.drained      = 1'b1;
          end else if (is_held && due_i.expires) begin
            wake_valid_o = 1'b1;
            wake_o       = due_i.expiry + 64'd1;
          end else if (draining && enabled && two_i) begin
            wake_valid_o = 1'b1;
            wake_o       = due_i.gap_end;
          end
          list_o = row_o.state == farrier_regs_pkg::OwnerStateHeld || row_o.marks != '0 ||
                   (row_o.state == farrier_regs_pkg::OwnerStateAttached && row_o.parked != '0);
          row_o.listed = list_o;
        end

        default: ;  // reads change nothing
      endcase

      if (hold) begin
        row_o.cut        = row_i.rx_next - {{31 - farrier_pkg::CellBits{1'b0}}, row_i.parked};
        row_o.held_since = time_i;
        row_o.listed     = 1'b1;
        list_o           = !row_i.listed;
      end
      if (discard_o) begin
        row_o.parked       = '0;
        row_o.parked_cells = '0;
      end
    end
  end

  // What Read answers.
  always_comb begin
    data_o = '0;
    unique case (word_i)
      3'd0: begin
        data_o[farrier_regs_pkg::SwitchWordStateLsb+:2]       = row_i.state;
        data_o[farrier_regs_pkg::SwitchWordFunctionLsb+:2]    = row_i.func;
        data_o[farrier_regs_pkg::SwitchWordQueueBaseLsb+:4]   = row_i.queue_base;
        data_o[farrier_regs_pkg::SwitchWordLog2QueuesLsb+:3]  = row_i.log2_queues;
        data_o[farrier_regs_pkg::SwitchWordGenerationLsb+:12] = row_i.generation;
      end
      3'd1: data_o = row_i.quota_difference ^ farrier_pkg::QuotaAfterReset;
      3'd2: data_o = row_i.cut;
      3'd3: data_o = row_i.rx_next;
      3'd4: data_o = tx_seen_i;
      3'd5: begin
        data_o[farrier_regs_pkg::OwnerStatusDrainingLsb]    = draining;
        data_o[farrier_regs_pkg::OwnerStatusMarkPendingLsb] = row_i.marks != '0;
        data_o[farrier_regs_pkg::OwnerStatusWatchdogLsb]    = row_i.watchdog;
        data_o[farrier_regs_pkg::OwnerStatusHeartbeatLsb]   = row_i.heartbeat;
      end
      3'd6: data_o = {{31 - farrier_pkg::CellBits{1'b0}}, row_i.parked};
      default: data_o = row_i.refused;
    endcase
  end

  // Discarding takes no time here (the cells come back in the background): OwnerStatus.discarding is
  // always 0.

endmodule
