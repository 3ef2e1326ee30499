// Software's side of TX: FUNCTION_CLASS and FUNCTION_TX_QUOTA are here; the tables of owners and classes
// are asked, and so is the guard.
module tx_csr (
  input  logic                         clk_i,
  input  logic                         rst_ni,
  // The access: held until done.
  input  logic                         valid_i,
  input  farrier_pkg::block_request_t  request_i,
  output farrier_pkg::block_response_t response_o,
  // Settings, per function.
  output logic [23:0]                  class_o,        // 6 bits each
  output logic [127:0]                 quota_o,        // cells, 32 bits each
  // Tables.
  output farrier_pkg::tx_access_t   owner_o,
  input  farrier_pkg::block_response_t owner_i,
  output farrier_pkg::tx_access_t   class_access_o,
  input  farrier_pkg::block_response_t class_access_i,
  output logic                         guard_valid_o,
  input  farrier_pkg::block_response_t guard_i
);

  logic [19:0]  at;
  logic         is_class, is_quota, is_pacing, is_owner, is_guard;
  logic [23:0]  class_q;
  logic [127:0] quota_difference_q;  // from what it is after reset

  assign at        = request_i.address;
  assign is_class  = at[19:4] == farrier_regs_pkg::RegFunctionClass[19:4];
  assign is_quota  = at[19:4] == farrier_regs_pkg::RegFunctionTxQuota[19:4];
  assign is_pacing = at[19:9] == farrier_regs_pkg::RegClassCost[19:9];
  assign is_guard  = at[19:8] == farrier_regs_pkg::RegGuardValue[19:8];
  assign is_owner  = at[19:14] == farrier_regs_pkg::RegOwnerSwitch[19:14];

  assign class_o = class_q;
  assign quota_o = quota_difference_q ^ {4{farrier_pkg::FunctionTxQuotaAfterReset}};

  always_comb begin
    owner_o.valid = valid_i && is_owner;
    owner_o.write = request_i.write;
    owner_o.row   = at[13:6];
    owner_o.word  = at[4] ? 2'd3 : at[3:2];
    owner_o.data  = request_i.data;

    class_access_o.valid = valid_i && is_pacing;
    class_access_o.write = request_i.write;
    class_access_o.row   = {2'd0, at[8:3]};
    class_access_o.word  = {1'b0, at[2]};
    class_access_o.data  = request_i.data;

    guard_valid_o = valid_i && is_guard;

    response_o.done = valid_i;
    response_o.bad  = 1'b0;
    response_o.data = '0;
    if (is_owner) response_o = owner_i;
    else if (is_pacing) response_o = class_access_i;
    else if (is_guard) response_o = guard_i;
    else if (is_class) response_o.data = {26'd0, class_q[6*at[3:2]+:6]};
    else if (is_quota) response_o.data = quota_o[32*at[3:2]+:32];
    else response_o.bad = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      class_q            <= '0;
      quota_difference_q <= '0;
    end else if (valid_i && request_i.write) begin
      // Function by function: a place that a signal picks would become shifters of all of them.
      for (int f = 0; f < 4; f++) begin
        if (is_class && at[3:2] == 2'(f)) class_q[6*f+:6] <= request_i.data[5:0];
        if (is_quota && at[3:2] == 2'(f)) begin
          quota_difference_q[32*f+:32] <= request_i.data ^ farrier_pkg::FunctionTxQuotaAfterReset;
        end
      end
    end
  end

  logic unused;
  assign unused = ^at[1:0];

endmodule
