// All counters, and the snapshot that software reads: one owner's and the global ones.
module counters (
  input  logic                       clk_i,
  input  logic                       rst_ni,
  input  logic                       clear_i,          // after reset: owner clear_owner_i
  input  farrier_pkg::owner_t        clear_owner_i,
  // Per owner, at the decision.
  input  logic                       rx_valid_i,
  input  farrier_pkg::owner_t        rx_owner_i,
  input  logic [farrier_pkg::RxCounters-1:0] rx_count_i, // which
  input  logic [farrier_pkg::CellBits:0] rx_amount_i,
  // Per owner, when the packet has gone to its function.
  input  logic                       delivered_i,
  input  farrier_pkg::owner_t        delivered_owner_i,
  // Per owner, at the TX check.
  input  logic                       tx_sent_i,
  input  logic                       tx_stale_i,
  input  farrier_pkg::owner_t        tx_owner_i,
  // Global.
  input  logic                       packet_seen_i,
  input  logic [15:0]                packet_bytes_i,
  input  logic                       malformed_i,
  input  logic                       oversize_i,
  input  logic                       memory_full_i,
  input  logic                       tx_packet_i,      // onto the wire
  input  logic [15:0]                tx_bytes_i,
  input  logic                       tx_bad_prefix_i,
  input  logic                       tx_disabled_i,
  input  logic                       csr_bad_i,
  // Snapshot.
  input  logic                       snapshot_i,       // of snapshot_owner_i
  input  farrier_pkg::owner_t        snapshot_owner_i,
  input  logic [farrier_pkg::CellBits:0] snapshot_parked_i, // packets that the owner has parked
  output logic                       snapshot_done_o,  // for one cycle: the words are there
  input  logic [5:0]                 word_i,           // owner block: LO, HI of each in turn
  input  logic                       word_global_i,    // global block instead
  output logic [31:0]                word_o
);

  // Sums per owner.
  logic [farrier_pkg::RxCounters*64-1:0] rx_values;
  logic [63:0]                           delivered_value, sent_value, stale_value;

  for (genvar i = 0; i < farrier_pkg::RxCounters; i++) begin : g_rx
    owner_counter #(
      .AmountBits(farrier_pkg::CellBits + 1)
    ) u_counter (
      .clk_i,
      .rst_ni,
      .clear_i,
      .clear_owner_i,
      .add_i       (rx_valid_i && rx_count_i[i]),
      .owner_i     (rx_owner_i),
      .amount_i    (rx_amount_i),
      .read_i      (snapshot_i),
      .read_owner_i(snapshot_owner_i),
      .value_o     (rx_values[64*i+:64])
    );
  end

  owner_counter u_delivered (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i,
    .add_i       (delivered_i),
    .owner_i     (delivered_owner_i),
    .amount_i    (1'b1),
    .read_i      (snapshot_i),
    .read_owner_i(snapshot_owner_i),
    .value_o     (delivered_value)
  );

  owner_counter u_sent (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i,
    .add_i       (tx_sent_i),
    .owner_i     (tx_owner_i),
    .amount_i    (1'b1),
    .read_i      (snapshot_i),
    .read_owner_i(snapshot_owner_i),
    .value_o     (sent_value)
  );

  owner_counter u_stale (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clear_owner_i,
    .add_i       (tx_stale_i),
    .owner_i     (tx_owner_i),
    .amount_i    (1'b1),
    .read_i      (snapshot_i),
    .read_owner_i(snapshot_owner_i),
    .value_o     (stale_value)
  );

  // Global sums.
  logic [farrier_regs_pkg::GlobalCounters*64-1:0] global_q, global_snapshot_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      global_q <= '0;
    end else begin
      if (packet_seen_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterRxPackets+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterRxPackets+:64] + 64'd1;
        global_q[64*farrier_regs_pkg::GlobalCounterRxBytes+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterRxBytes+:64] + {48'd0, packet_bytes_i};
      end
      if (malformed_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterRxMalformed+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterRxMalformed+:64] + 64'd1;
      end
      if (oversize_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterRxOversize+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterRxOversize+:64] + 64'd1;
      end
      if (memory_full_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterRxMemoryFull+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterRxMemoryFull+:64] + 64'd1;
      end
      if (tx_packet_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterTxPackets+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterTxPackets+:64] + 64'd1;
        global_q[64*farrier_regs_pkg::GlobalCounterTxBytes+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterTxBytes+:64] + {48'd0, tx_bytes_i};
      end
      if (tx_bad_prefix_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterTxBadPrefix+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterTxBadPrefix+:64] + 64'd1;
      end
      if (tx_disabled_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterTxDisabled+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterTxDisabled+:64] + 64'd1;
      end
      if (csr_bad_i) begin
        global_q[64*farrier_regs_pkg::GlobalCounterCsrBadAccess+:64] <=
            global_q[64*farrier_regs_pkg::GlobalCounterCsrBadAccess+:64] + 64'd1;
      end
    end
  end

  // Snapshot. What was decided but has not gone out is queued; its sums come from two places, of which
  // the one of what went out is never ahead.
  logic [farrier_regs_pkg::OwnerCounters*64-1:0] owner_snapshot_q;
  logic [63:0]                                   parked_q;
  logic                                          snapshot_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      snapshot_q        <= 1'b0;
      snapshot_done_o   <= 1'b0;
      owner_snapshot_q  <= '0;
      global_snapshot_q <= '0;
    end else begin
      snapshot_q      <= snapshot_i;
      snapshot_done_o <= snapshot_q;
      if (snapshot_i) begin
        global_snapshot_q <= global_q;
        parked_q          <= {{63 - farrier_pkg::CellBits{1'b0}}, snapshot_parked_i};
      end
      if (snapshot_q) begin
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterIn+:64] <=
            rx_values[64*farrier_pkg::RxCountIn+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDelivered+:64] <= delivered_value;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterParked+:64] <= parked_q;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterQueued+:64] <=
            rx_values[64*farrier_pkg::RxCountSent+:64] - delivered_value;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropQuota+:64] <=
            rx_values[64*farrier_pkg::RxCountDropQuota+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropNoCredit+:64] <=
            rx_values[64*farrier_pkg::RxCountDropNoCredit+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropDetached+:64] <=
            rx_values[64*farrier_pkg::RxCountDropDetached+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropState+:64] <=
            rx_values[64*farrier_pkg::RxCountDropState+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterDropDiscarded+:64] <=
            rx_values[64*farrier_pkg::RxCountDropDiscarded+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterHeld+:64] <=
            rx_values[64*farrier_pkg::RxCountHeld+:64];
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTx+:64] <= sent_value;
        owner_snapshot_q[64*farrier_regs_pkg::OwnerCounterTxStale+:64] <= stale_value;
      end
    end
  end

  assign word_o = word_global_i ? global_snapshot_q[32*word_i[4:0]+:32]
                                : owner_snapshot_q[32*word_i[4:0]+:32];

  logic unused;
  assign unused = word_i[5];

endmodule
