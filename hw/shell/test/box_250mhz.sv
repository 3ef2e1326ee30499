// Stands in for the shell's box of the same name: its ports, and the plugin's two included files in it.
// For benches; the real one is in an OpenNIC checkout.
module box_250mhz #(
  parameter int NUM_PHYS_FUNC = 3,
  parameter int NUM_CMAC_PORT = 2,
  parameter int NUM_QDMA = 1,
  parameter int USE_PHYS_FUNC = 1
) (
  input  logic                         axil_aclk,
  input  logic                         axis_aclk,
  input  logic [15:0]                  mod_rstn,      // by axil_aclk; one per block
  output logic [15:0]                  mod_rst_done,
  // Registers.
  input  logic                         s_axil_awvalid,
  input  logic [31:0]                  s_axil_awaddr,
  output logic                         s_axil_awready,
  input  logic                         s_axil_wvalid,
  input  logic [31:0]                  s_axil_wdata,
  output logic                         s_axil_wready,
  output logic                         s_axil_bvalid,
  output logic [1:0]                   s_axil_bresp,
  input  logic                         s_axil_bready,
  input  logic                         s_axil_arvalid,
  input  logic [31:0]                  s_axil_araddr,
  output logic                         s_axil_arready,
  output logic                         s_axil_rvalid,
  output logic [31:0]                  s_axil_rdata,
  output logic [1:0]                   s_axil_rresp,
  input  logic                         s_axil_rready,
  // From the functions.
  input  logic [NUM_PHYS_FUNC-1:0]     s_axis_qdma_h2c_tvalid,
  input  logic [512*NUM_PHYS_FUNC-1:0] s_axis_qdma_h2c_tdata,
  input  logic [64*NUM_PHYS_FUNC-1:0]  s_axis_qdma_h2c_tkeep,
  input  logic [NUM_PHYS_FUNC-1:0]     s_axis_qdma_h2c_tlast,
  input  logic [16*NUM_PHYS_FUNC-1:0]  s_axis_qdma_h2c_tuser_size,
  input  logic [16*NUM_PHYS_FUNC-1:0]  s_axis_qdma_h2c_tuser_src,
  input  logic [16*NUM_PHYS_FUNC-1:0]  s_axis_qdma_h2c_tuser_dst,
  output logic [NUM_PHYS_FUNC-1:0]     s_axis_qdma_h2c_tready,
  // To the functions.
  output logic [NUM_PHYS_FUNC-1:0]     m_axis_qdma_c2h_tvalid,
  output logic [512*NUM_PHYS_FUNC-1:0] m_axis_qdma_c2h_tdata,
  output logic [64*NUM_PHYS_FUNC-1:0]  m_axis_qdma_c2h_tkeep,
  output logic [NUM_PHYS_FUNC-1:0]     m_axis_qdma_c2h_tlast,
  output logic [16*NUM_PHYS_FUNC-1:0]  m_axis_qdma_c2h_tuser_size,
  output logic [16*NUM_PHYS_FUNC-1:0]  m_axis_qdma_c2h_tuser_src,
  output logic [16*NUM_PHYS_FUNC-1:0]  m_axis_qdma_c2h_tuser_dst,
  input  logic [NUM_PHYS_FUNC-1:0]     m_axis_qdma_c2h_tready,
  // To the MACs.
  output logic [NUM_CMAC_PORT-1:0]     m_axis_adap_tx_250mhz_tvalid,
  output logic [512*NUM_CMAC_PORT-1:0] m_axis_adap_tx_250mhz_tdata,
  output logic [64*NUM_CMAC_PORT-1:0]  m_axis_adap_tx_250mhz_tkeep,
  output logic [NUM_CMAC_PORT-1:0]     m_axis_adap_tx_250mhz_tlast,
  output logic [16*NUM_CMAC_PORT-1:0]  m_axis_adap_tx_250mhz_tuser_size,
  output logic [16*NUM_CMAC_PORT-1:0]  m_axis_adap_tx_250mhz_tuser_src,
  output logic [16*NUM_CMAC_PORT-1:0]  m_axis_adap_tx_250mhz_tuser_dst,
  input  logic [NUM_CMAC_PORT-1:0]     m_axis_adap_tx_250mhz_tready,
  // From the MACs.
  input  logic [NUM_CMAC_PORT-1:0]     s_axis_adap_rx_250mhz_tvalid,
  input  logic [512*NUM_CMAC_PORT-1:0] s_axis_adap_rx_250mhz_tdata,
  input  logic [64*NUM_CMAC_PORT-1:0]  s_axis_adap_rx_250mhz_tkeep,
  input  logic [NUM_CMAC_PORT-1:0]     s_axis_adap_rx_250mhz_tlast,
  input  logic [16*NUM_CMAC_PORT-1:0]  s_axis_adap_rx_250mhz_tuser_size,
  input  logic [16*NUM_CMAC_PORT-1:0]  s_axis_adap_rx_250mhz_tuser_src,
  input  logic [16*NUM_CMAC_PORT-1:0]  s_axis_adap_rx_250mhz_tuser_dst,
  output logic [NUM_CMAC_PORT-1:0]     s_axis_adap_rx_250mhz_tready
);

  `include "box_250mhz_address_map_inst.vh"
  `include "user_plugin_250mhz_inst.vh"

  logic unused;
  assign unused = ^mod_rstn[15:1];

endmodule
